"""The gateway itself, as a plain ASGI application: route → policy → token → permission → limits → service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problems import Problem, problem_response
from chassis.telemetry import current_traceparent
from chassis.tokens import Verifier
from gateway import headers
from gateway.policies import GATEWAY, PUBLIC, Policy
from gateway.receiving import BoundedBody, too_large
from gateway.routing import ByMethod, Router

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 8 * 1024 * 1024
RECEIVE_SECONDS_MAX = 30.0
ANSWER_SECONDS_MAX = 65.0


@dataclass(frozen=True)
class Limits:
    """How large a body may be, how long it may take to arrive, and how long a service may take to begin its answer."""

    body_bytes_max: int = BODY_BYTES_MAX
    receive_seconds_max: float = RECEIVE_SECONDS_MAX
    answer_seconds_max: float = ANSWER_SECONDS_MAX


class Gateway:
    """Forwards what its policies allow; ``upstreams`` are the services as ASGI applications, ``own`` its own routes."""

    def __init__(
        self,
        policies: Sequence[Policy],
        upstreams: Mapping[str, ASGIApp],
        own: Mapping[str, ASGIApp],
        verifier: Verifier,
        limits: Limits,
    ) -> None:
        self._router = Router(policies)
        self._targets = {p: own[p.path] if p.service == GATEWAY else upstreams[p.service] for p in policies}
        self._verifier, self._limits = verifier, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send, https=scope.get("scheme") == "https")
        try:
            policy = scope["route"] = _policy(self._router.find(scope["path"]), scope["method"])
            await self._admit(policy, scope)
            body = self._body(policy, scope, receive)
            await self._forward(policy, scope, body, answer)
        except Problem as problem:
            if answer.started:
                raise  # too late for an answer: the server closes the connection
            await problem_response(problem)(scope, receive, answer)

    async def _admit(self, policy: Policy, scope: Scope) -> None:
        """Raise Problem 401 or 403 unless the token has the policy's permission."""
        if policy.permission == PUBLIC:
            return
        tokens = headers.value_of(scope["headers"], b"authorization")
        if len(tokens) > 1:
            raise Problem(401, "not-authenticated", "more than one Authorization header")
        caller = await self._verifier.verify(tokens[0] if tokens else None)
        caller.scope(policy.permission)

    def _body(self, policy: Policy, scope: Scope, receive: Receive) -> BoundedBody:
        """The request's body under its limits. Raises Problem 400, 413 and 415 for what the headers say already."""
        bytes_max = policy.body_bytes_max or self._limits.body_bytes_max
        for name, value in scope["headers"]:
            if name == b"content-length":
                if not value.isdigit():
                    raise Problem(400, "bad-request", "Content-Length is no number")
                if len(value) > len(str(bytes_max)) or int(value) > bytes_max:
                    raise too_large(bytes_max)
            if name == b"content-encoding" and value.lower() != b"identity":
                raise Problem(415, "unsupported-media-type", "send the body without a Content-Encoding")
        return BoundedBody(receive, bytes_max, self._limits.receive_seconds_max)

    async def _forward(self, policy: Policy, scope: Scope, body: BoundedBody, answer: _Answer) -> None:
        """Have the service answer. Raises Problem when it cannot."""
        inner: dict[str, Any] = {
            **{name: scope[name] for name in _PASSED_ON if name in scope},
            "headers": headers.onward(scope["headers"], current_traceparent()),
        }
        answer.body = body
        try:
            async with asyncio.timeout(self._limits.answer_seconds_max) as deadline:
                answer.deadline = deadline
                await self._targets[policy](inner, body, answer)
        except TimeoutError as error:
            if not answer.started:
                raise Problem(504, "timed-out", f"{policy.service} did not answer in time") from error
            raise
        except Problem:
            raise
        except Exception as error:
            log.exception("%s: %s failed", policy.service, policy)
            if not answer.ended and not body.problem:
                raise Problem(500, "internal", "something went wrong here; the trace id helps to find it") from error
        finally:
            answer.deadline = answer.body = None
        if body.problem and not answer.started:
            raise body.problem
        if not answer.started:
            raise Problem(502, "bad-gateway", f"{policy.service} gave no answer")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return


_PASSED_ON = (
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "client",
    "server",
)


class _Answer:
    """Sends a service's answer with the security headers; what it says after a broken body is dropped."""

    def __init__(self, send: Send, https: bool) -> None:
        self._send, self._https = send, https
        self.started = self.ended = False
        self.body: BoundedBody | None = None
        self.deadline: asyncio.Timeout | None = None

    async def __call__(self, message: Message) -> None:
        if self.body and self.body.problem and not self.started:
            return
        if message["type"] == "http.response.start":
            self.started = True
            if self.deadline and not self.deadline.expired():
                self.deadline.reschedule(None)  # it bounds the wait for the answer, not a long download
            message["headers"] = headers.secured(message.get("headers", ()), self._https)
        elif message["type"] == "http.response.body":
            self.ended = not message.get("more_body", False)
        await self._send(message)


def _policy(by_method: ByMethod | None, method: str) -> Policy:
    """The policy of a request. Raises Problem 404 or 405."""
    if by_method is None:
        raise Problem(404, "not-found", "there is no such route")
    if (policy := by_method.get(method)) is None:
        allowed = ", ".join(sorted(by_method))
        raise Problem(405, "method-not-allowed", f"this route takes {allowed}", headers={"Allow": allowed})
    return policy
