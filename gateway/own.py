"""The gateway's own routes: the OpenAPI and the AsyncAPI document, the page that shows the first, and its health."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problems import unavailable
from contracts import asyncapi
from gateway import openapi
from gateway.policies import Policy

CONSOLE = Path(__file__).parent / "console"
READY_SECONDS_MAX = 2.0
VERSION = "1"
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none';"
    " base-uri 'none'; form-action 'none'"
)


@dataclass
class OpenApi:
    """The merged document, made at the first request and kept; a service that is silent then is a 503."""

    policies: Sequence[Policy]
    upstreams: Mapping[str, ASGIApp]
    _body: bytes | None = None

    async def documents(self) -> dict[str, openapi.Document]:
        """Each service's own document. Raises ServiceSilent."""
        found = await asyncio.gather(*(openapi.fetch(name, app) for name, app in self.upstreams.items()))
        return dict(zip(self.upstreams, found, strict=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._body is None:
            try:
                merged = openapi.merge(self.policies, await self.documents(), VERSION)
            except openapi.ServiceSilent as error:
                raise unavailable(str(error)) from error
            self._body = json.dumps(merged, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"Cache-Control": "no-cache"}
        await Response(self._body, headers=headers, media_type="application/json")(scope, receive, send)


@dataclass
class Ready:
    """Says how each service is. 503 only when none is ready: the others go on while one is down."""

    upstreams: Mapping[str, ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        states = await asyncio.gather(*(self._state(scope, app) for app in self.upstreams.values()))
        services = dict(zip(self.upstreams, states, strict=True))
        if services and "ok" not in services.values():
            raise unavailable("no service is ready")
        status = "ok" if set(services.values()) <= {"ok"} else "degraded"
        body = json.dumps({"status": status, "services": services})
        await Response(body, media_type="application/json")(scope, receive, send)

    async def _state(self, scope: Scope, app: ASGIApp) -> str:
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                await app(dict(scope), receive, note)
        except Exception:  # whatever is wrong there, it is not ready
            return "unavailable"
        return "ok" if status == 200 else "unavailable"


@dataclass(frozen=True)
class Page:
    """A file of the console, read once."""

    name: str
    media_type: str
    body: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", (CONSOLE / self.name).read_bytes())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _PAGE_POLICY}
        await Response(self.body, headers=headers, media_type=self.media_type)(scope, receive, send)


@dataclass(frozen=True)
class AsyncApi:
    """The AsyncAPI document of everything that is sent; nobody needs to be asked for it."""

    body: bytes = field(default_factory=lambda: json.dumps(asyncapi.document(), ensure_ascii=False).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Cache-Control": "no-cache"}
        await Response(self.body, headers=headers, media_type="application/json")(scope, receive, send)


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """The loop turns: that is all that this says."""
    await Response(b'{"status":"ok"}', media_type="application/json")(scope, receive, send)


def routes(policies: Sequence[Policy], upstreams: Mapping[str, ASGIApp]) -> dict[str, ASGIApp]:
    """What the gateway answers itself, by path."""
    return {
        "/openapi.json": OpenApi(policies, upstreams),
        "/asyncapi.json": AsyncApi(),
        "/docs": Page("docs.html", "text/html; charset=utf-8"),
        "/docs/docs.js": Page("docs.js", "text/javascript; charset=utf-8"),
        "/docs/docs.css": Page("docs.css", "text/css; charset=utf-8"),
        "/livez": live,
        "/readyz": Ready(upstreams),
    }
