"""The public API as an import uses it: batches in, outcomes out, with patience while Merit is busy or restarting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import msgspec

from contracts.envelope import BATCH
from merit.home import MeritError

AGAIN = (429, 502, 503, 504)
RETRY_SECONDS_MAX = 120.0
RETRY_AFTER_SECONDS = 2.0
REACH_SECONDS_MAX = 8.0
ROLE_OF_RESOURCE = {
    "people": "admin",
    "teams": "admin",
    "memberships": "admin",
    "targets": "compensation",
    "payee_parameters": "compensation",
}
PATH_OF_RESOURCE = {name: "/v1/" + name.replace("_", "-") for name in ROLE_OF_RESOURCE}
SENDER = "integration"
LOCAL = "local"

Token = Callable[[str], Awaitable[str]]
"""Gives an access token that may do what the role may."""


class Taker(Protocol):
    """What an import sends to: Merit's API, or what only judges."""

    @property
    def installation(self) -> str:
        """What tells the journals of several Merits apart."""
        ...

    async def reach(self) -> None:
        """Make sure that somebody is there. Raises MeritError."""
        ...

    async def events(self, batch: list[bytes]) -> dict[str, Any]:
        """Send encoded events; what became of each. Raises Refused, MeritError."""
        ...

    async def items(self, resource: str, items: list[dict[str, Any]]) -> list[str]:
        """Write items of a resource, all or none; the outcome of each. Raises Refused, MeritError."""
        ...


class Refused(Exception):
    """The API said no: its status, and its problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem
        super().__init__(str(problem.get("detail") or f"status {status}"))


@dataclass(frozen=True)
class Door:
    """Where an import sends to, with a token for each kind of thing that it writes."""

    http: httpx.AsyncClient
    token: Token
    installation: str = LOCAL
    """What tells the journals of several Merits apart: the address of one that is elsewhere."""
    reach_seconds_max: float = REACH_SECONDS_MAX
    retry_after_seconds: float = RETRY_AFTER_SECONDS

    async def reach(self) -> None:
        """Ask once whether anybody is there, so that a wrong address, or a Merit that was killed, is told at once:
        patience is for one that was there. Any answer will do. Raises MeritError."""
        try:
            async with asyncio.timeout(self.reach_seconds_max):
                await self.http.get("/livez")
        except TimeoutError:
            raise MeritError(
                f"Nobody answers at {self.http.base_url} within {self.reach_seconds_max:g} seconds."
            ) from None
        except httpx.TransportError as error:
            problem = str(error).rstrip(".") or type(error).__name__
            raise MeritError(f"Nobody answers at {self.http.base_url}: {problem}.") from error

    async def events(self, batch: list[bytes]) -> dict[str, Any]:
        """Send encoded events; the 202's body. The same again counts once. Raises Refused, MeritError."""
        body = b"[" + b",".join(batch) + b"]"
        return await self._post("/v1/events", body, BATCH, SENDER)

    async def items(self, resource: str, items: list[dict[str, Any]]) -> list[str]:
        """Write items of a resource, all or none; the outcome of each. Raises Refused, MeritError."""
        body = msgspec.json.encode({"items": items})
        answer = await self._post(PATH_OF_RESOURCE[resource], body, "application/json", ROLE_OF_RESOURCE[resource])
        return [str(item["outcome"]) for item in answer["items"]]

    async def _post(self, path: str, body: bytes, media_type: str, role: str) -> dict[str, Any]:
        waited = 0.0
        while True:
            problem, pause = "it does not answer", self.retry_after_seconds
            try:
                headers = {"Content-Type": media_type, "Authorization": f"Bearer {await self.token(role)}"}
                answer = await self.http.post(path, content=body, headers=headers)
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
            else:
                if answer.is_success:
                    document: dict[str, Any] = answer.json()
                    return document
                if answer.status_code not in AGAIN:
                    raise Refused(answer.status_code, _problem(answer))
                problem, pause = f"it answers {answer.status_code}", _pause(answer)
            if waited >= RETRY_SECONDS_MAX:
                raise MeritError(
                    f"Merit at {self.http.base_url} cannot take the import: {problem}. Run it again later."
                )
            await asyncio.sleep(pause)
            waited += pause


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pause(answer: httpx.Response) -> float:
    try:
        return min(max(float(answer.headers.get("Retry-After", RETRY_AFTER_SECONDS)), 0.1), RETRY_SECONDS_MAX)
    except ValueError:
        return RETRY_AFTER_SECONDS
