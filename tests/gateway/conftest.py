"""The gateway over tiny services that say what reached them, with keys and tokens of the test's own."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.tokens import Verifier
from gateway.__main__ import build
from gateway.app import Limits
from gateway.policies import GATEWAY, POLICIES
from merit import embedded

ISSUER = "https://merit.test"
NOW = dt.datetime(2014, 6, 1, 12, 0, tzinfo=dt.UTC)


class StillClock:
    """It is always the same moment."""

    ids = 0

    def now(self) -> dt.datetime:
        return NOW

    def monotonic(self) -> float:
        return NOW.timestamp()

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:048x}"


@dataclass
class Echo:
    """A service with the routes of its policies: it answers with what reached it."""

    name: str
    paths: dict[str, Any]
    ready: bool = True
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/openapi.json":
            document = {"openapi": "3.1.0", "info": {"title": self.name, "version": "1"}, "paths": self.paths}
            await self.answer(send, 200, document)
            return
        if scope["path"] == "/readyz":
            await self.answer(send, 200 if self.ready else 503, {})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the client has gone")
            body += message.get("body", b"")
            more = message.get("more_body", False)
        reached = {
            "service": self.name,
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "headers": [[k.decode(), v.decode("latin-1")] for k, v in scope["headers"]],
            "body_bytes": len(body),
        }
        self.seen.append(reached)
        await self.answer(send, 200, reached)

    async def answer(self, send: Send, status: int, body: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def echoes() -> dict[str, Echo]:
    """One small service per name in the policies, with exactly their routes."""
    services: dict[str, Echo] = {}
    for policy in POLICIES:
        if policy.service != GATEWAY:
            echo = services.setdefault(policy.service, Echo(policy.service, {}))
            echo.paths.setdefault(policy.path, {})[policy.method.lower()] = {"responses": {"200": {}, "422": {}}}
    return services


@dataclass
class Edge:
    """A gateway that can be asked, and the services behind it."""

    http: httpx.AsyncClient
    services: Mapping[str, Any]
    key: ECKey

    def token(self, scope: str, **claims: Any) -> str:
        now = int(NOW.timestamp())
        said = {"iss": ISSUER, "aud": "merit", "sub": "x", "jti": "1", "iat": now, "exp": now + 600, "scope": scope}
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
        return jwt.encode(header, said | claims, self.key, algorithms=["ES256"])

    async def ask(self, method: str, path: str, scope: str | None = None, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if scope is not None:
            headers["authorization"] = f"Bearer {self.token(scope)}"
        return await self.http.request(method, path, headers=headers, **more)


@pytest.fixture(scope="session")
def signing_key() -> ECKey:
    return ECKey.generate_key("P-256", private=True)


@pytest.fixture
def verifier(signing_key: ECKey) -> Verifier:
    async def fetch() -> Mapping[str, Any]:
        return {"keys": [{**signing_key.as_dict(private=False), "kid": "k1"}]}

    return Verifier(ISSUER, fetch, StillClock())


@pytest.fixture
async def make_edge(verifier: Verifier, signing_key: ECKey) -> AsyncIterator[Callable[..., Any]]:
    """Builds a gateway over the services given (else echoes), with the limits given."""
    opened: list[httpx.AsyncClient] = []

    async def make(services: Mapping[str, ASGIApp] | None = None, limits: Limits | None = None, **more: Any) -> Edge:
        behind = services or echoes()
        app = await build(behind, verifier, StillClock(), limits=limits, **more)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://edge")
        opened.append(http)
        return Edge(http, behind, signing_key)

    yield make
    for http in opened:
        await http.aclose()


@pytest.fixture
async def edge(make_edge: Callable[..., Any]) -> Edge:
    """A gateway over echoes."""
    made: Edge = await make_edge()
    return made


@pytest.fixture(scope="session")
async def merit(new_database: Callable[[], Any]) -> AsyncIterator[embedded.Running]:
    """All of Merit in this process."""
    async with embedded.running(admin_dsn=await new_database()) as running:
        yield running


@pytest.fixture(scope="session")
async def make_token(merit: embedded.Running) -> Callable[[set[str]], str]:
    """Signs a token with exactly these permissions, as no role has them."""
    async with merit.database("auth") as conn:
        row = await conn.fetchrow("select kid, private_jwk from signing_key")
    assert row is not None
    key, now = ECKey.import_key(json.loads(row["private_jwk"])), int(merit.clock.now().timestamp())

    def make(permissions: set[str]) -> str:
        claims = {
            "iss": merit.auth_settings.issuer,
            "aud": "merit",
            "sub": "x",
            "jti": "x",
            "iat": now,
            "exp": now + 600,
            "scope": " ".join(f"{permission}:all" for permission in sorted(permissions)),
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": row["kid"]}
        return jwt.encode(header, claims, key, algorithms=["ES256"])

    return make
