"""Each request has a trace, told in ``traceparent``, is counted and timed by route, and leaves one line in the log."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import telemetry
from chassis.clock import Clock, stamp_ns
from chassis.metric_names import HTTP_ACTIVE_REQUESTS, HTTP_REQUEST_DURATION

access = logging.getLogger("access")
FAILED = 500
NANO = 1e-9
HEALTH = frozenset({"/livez", "/readyz", "/startupz"})
"""Asked every few seconds by machines: no span, no line, no count."""


class Trace:
    """Continues the caller's trace or begins one; plain ASGI, for speed. ``part``: what it stands before."""

    def __init__(self, app: ASGIApp, clock: Clock, part: str = "merit") -> None:
        self.app, self.clock, self.part = app, clock, part
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        telemetry.name_service(self.part)
        given, method = Headers(scope=scope).get("traceparent"), scope["method"]
        told = scope["path"] not in HEALTH
        under: telemetry.AnySpan = telemetry.OFF
        if told and telemetry.recording():
            under = telemetry.span(method, "server", {"http.request.method": method}, parent=given or "")
            given = under.traceparent
        traceparent = telemetry.enter(given, self.clock.new_id())
        since_ns, status = stamp_ns(), FAILED

        async def traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["traceparent"] = traceparent
            await send(message)

        self._count(1)
        try:
            await self.app(scope, receive, traced)
        except Exception as error:
            under.fail(type(error).__name__)
            raise
        finally:
            self._count(-1)
            if told:
                self._tell(under, method, _route(scope), status, stamp_ns() - since_ns)

    def _count(self, more: int) -> None:
        self._active += more
        HTTP_ACTIVE_REQUESTS.set(self._active, self.part)

    def _tell(self, under: telemetry.AnySpan, method: str, route: str, status: int, took_ns: int) -> None:
        HTTP_REQUEST_DURATION.record(took_ns * NANO, self.part, method, route, str(status))
        if access.isEnabledFor(logging.INFO):
            told = {"method": method, "route": route, "status": status, "seconds": round(took_ns * NANO, 6)}
            access.info("%s %s %d", method, route or "-", status, extra={"fields": told | {"part": self.part}})
        under.name(f"{method} {route}".rstrip())
        under.set("http.route", route)
        under.set("http.response.status_code", status)
        if status >= FAILED:
            under.fail(str(status))
        under.end()


def _route(scope: Scope) -> str:
    """The template of the route, which holds no ids; empty when there is none."""
    for found in (scope.get("route"), scope.get("endpoint")):
        if path := getattr(found, "path", ""):
            return str(path)
    return ""
