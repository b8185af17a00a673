"""Reading Merit over HTTP, as any other client would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from merit.home import MeritError

PAGE = 200
WAIT_SECONDS_MAX = 180.0
PAUSE_SECONDS = 0.3
CLIENT_SECONDS_MAX = 70.0

Token = Callable[[str], Awaitable[str]]
"""Gives an access token that may do what the role may."""
Query = Mapping[str, str | list[str]]


def given(token: str | None) -> Token:
    """The one token that there is for a Merit elsewhere, whatever it is needed for. Raises MeritError for none."""
    if not token:
        raise MeritError("A Merit elsewhere needs an access token: put it into the environment as MERIT_TOKEN.")

    async def told(role: str) -> str:
        return token

    return told


@dataclass(frozen=True)
class Api:
    """The public API of one Merit; each call names the role that it is made in."""

    http: httpx.AsyncClient
    token: Token

    async def get(self, role: str, path: str, query: Query | None = None) -> Any:
        """The JSON of a page. While Merit says 503 (not counted yet, say) it is asked again. Raises MeritError."""
        waited = 0.0
        while True:
            answer = await self._ask(role, "GET", path, query)
            if answer.status_code != 503 or waited >= WAIT_SECONDS_MAX:
                return _document(answer, path)
            await asyncio.sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS

    async def items(self, role: str, path: str, query: Query | None = None) -> list[Any]:
        """All items of a list, page after page. Raises MeritError."""
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            place = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            page = await self.get(role, path, {**(query or {}), **place})
            found += page["items"]
            cursor = page.get("next_cursor")
        return found

    async def put(self, role: str, path: str, document: Any) -> Any:
        """Put a JSON document. Raises MeritError."""
        return _document(await self._ask(role, "PUT", path, None, document), path)

    async def _ask(
        self, role: str, method: str, path: str, query: Query | None, document: Any = None
    ) -> httpx.Response:
        try:
            headers = {"Authorization": f"Bearer {await self.token(role)}"}
            return await self.http.request(method, path, params=query, json=document, headers=headers)
        except httpx.TransportError as error:
            raise MeritError(f"Merit at {self.http.base_url} does not answer ({error}).") from error


def client(url: str) -> httpx.AsyncClient:
    """An HTTP client for the Merit at this address; proxies of the environment are not asked for it."""
    return httpx.AsyncClient(base_url=url, timeout=CLIENT_SECONDS_MAX, trust_env=False)


def _document(answer: httpx.Response, path: str) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        problem = answer.json()
        faults = [f"{fault['pointer']} {fault['detail']}" for fault in problem.get("errors", ())]
        detail = "; ".join([str(problem["detail"]), *faults])
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    raise MeritError(f"Merit answers {answer.status_code} to {path}: {detail}")
