"""Access tokens: verified by every service for itself, and what the caller may do with one (permission × scope).

ES256 JWTs of type ``at+jwt`` (RFC 9068). The ``scope`` claim holds ``permission:scope`` words, e.g.
``kpis.read:tree``; ``person_id`` names the person behind the token, ``source`` the event source of a machine,
``roles`` (RFC 9068 §2.2.3.1) what may be shared with the caller; they allow nothing by themselves.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import logging
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chassis.clock import Clock
from chassis.problems import Problem, unavailable
from contracts.access import PERMISSIONS, Scope, parse_grants

__all__ = ["Caller", "FetchKeys", "Scope", "Verifier", "requires"]

log = logging.getLogger(__name__)

AUDIENCE = "merit"
ALGORITHM = "ES256"
TYPE = "at+jwt"
TOKEN_BYTES_MAX = 8_192
TOKEN_SECONDS_MAX = 600
SKEW_SECONDS_MAX = 5  # how far the clocks of auth and of the verifier may be apart
KEYS_REFETCH_SECONDS = 10
KEYS_RETRY_SECONDS = 1  # while there is no key at all
CACHE_ENTRIES_MAX = 10_000
_HEADER = {"alg", "typ", "kid"}

FetchKeys = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gets the JWKS document of auth."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, from a verified token."""

    subject: str
    person_id: str | None
    source: str | None
    grants: Mapping[str, Scope]
    expires_at: int
    roles: frozenset[str] = frozenset()

    def scope(self, permission: str) -> Scope:
        """How far the permission reaches. Raises Problem 403 when the caller has it not at all."""
        if (scope := self.grants.get(permission)) is None:
            raise Problem(403, "permission-missing", f"this needs the permission {permission}")
        return scope


@dataclass
class Verifier:
    """Checks tokens against auth's published keys; refetches them at most once per cooldown, for an unknown key.

    While auth is down the keys that were read before go on.
    """

    issuer: str
    fetch_keys: FetchKeys
    clock: Clock
    _keys: dict[str, ECKey] = field(default_factory=dict)
    _fetched_at: float = float("-inf")
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seen: dict[str, Caller] = field(default_factory=dict)

    async def verify(self, authorization: str | None) -> Caller:
        """The caller of an ``Authorization: Bearer …`` header.

        Raises Problem 401 with WWW-Authenticate, and 503 when no key could ever be read.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refused("no bearer token", challenge='Bearer realm="merit"')
        if len(token) > TOKEN_BYTES_MAX:
            raise _refused("the token is too large")
        now = int(self.clock.now().timestamp())
        if (known := self._seen.get(token)) and known.expires_at > now:
            return known
        caller = await self._check(token, now)
        if len(self._seen) >= CACHE_ENTRIES_MAX:
            self._seen.clear()
        self._seen[token] = caller
        return caller

    async def _check(self, token: str, now: int) -> Caller:
        try:
            header, claims = _parts(token)
            key = await self._key(_kid(header))
            jwt.decode(token, key, algorithms=[ALGORITHM])
            _check_claims(claims, self.issuer, now)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _refused("the token is not valid") from error
        return Caller(
            claims["sub"],
            _optional_text(claims, "person_id"),
            _optional_text(claims, "source"),
            parse_grants(claims["scope"]),
            claims["exp"],
            _texts(claims, "roles"),
        )

    async def _key(self, kid: str) -> ECKey:
        """The published key of this name. Raises KeyError; Problem 503 when there are no keys at all."""
        if kid not in self._keys and self._may_fetch():
            async with self._fetching:  # those who waited here find that someone else has just fetched
                if kid not in self._keys and self._may_fetch():
                    await self._fetch()
        if not self._keys:
            raise unavailable("the keys that tokens are checked with cannot be read now")
        return self._keys[kid]

    def _may_fetch(self) -> bool:
        cooldown = KEYS_REFETCH_SECONDS if self._keys else KEYS_RETRY_SECONDS
        return self.clock.monotonic() - self._fetched_at >= cooldown

    async def _fetch(self) -> None:
        try:
            published = await self.fetch_keys()
            self._keys = {str(k["kid"]): ECKey.import_key(k) for k in published["keys"] if k.get("crv") == "P-256"}
        except Exception as error:  # whatever the reason, what we know already goes on
            log.warning("the token keys could not be read: %r", error)
        finally:
            self._fetched_at = self.clock.monotonic()


def requires(permission: str) -> Callable[[Request], Awaitable[Caller]]:
    """A route's dependency: the verified caller, who has this permission. Put it in every route but the public ones.

    Raises ValueError at import for a permission that does not exist.
    """
    if permission not in PERMISSIONS:
        raise ValueError(f"there is no permission {permission!r}")

    async def caller(request: Request) -> Caller:
        verifier: Verifier = request.app.state.verifier
        found = await verifier.verify(request.headers.get("authorization"))
        found.scope(permission)
        return found

    caller.permission = permission  # type: ignore[attr-defined]
    return caller


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not verified. Raises ValueError unless both are JSON objects without a repeated name."""
    header, payload, _ = token.split(".")
    return _json_object(header), _json_object(payload)


def _json_object(segment: str) -> dict[str, Any]:
    try:
        text = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    found = json.loads(text, object_pairs_hook=_without_repeats)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")  # readers differ in which of the two they take
    return found


def _kid(header: Mapping[str, Any]) -> str:
    """The key's name, from a header that says what ours say and no more: no ``crit``, ``jwk``, ``jku``, ``x5u``."""
    if set(header) != _HEADER or header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise ValueError("no header of an access token")
    if not isinstance(header["kid"], str):
        raise ValueError("kid must be text")
    return header["kid"]


def _check_claims(claims: Mapping[str, Any], issuer: str, now: int) -> None:
    """Raise ValueError or KeyError unless the claims are those of an access token that is good at ``now``."""
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    good = (
        claims["iss"] == issuer
        and claims["aud"] == AUDIENCE
        and all(isinstance(claims[name], str) and claims[name] for name in ("sub", "jti"))
        and isinstance(claims["scope"], str)
        and now < expires <= issued + TOKEN_SECONDS_MAX
        and issued <= now + SKEW_SECONDS_MAX
        and ("nbf" not in claims or _instant(claims, "nbf") <= now + SKEW_SECONDS_MAX)
    )
    if not good:
        raise ValueError("the claims do not hold")


def _instant(claims: Mapping[str, Any], name: str) -> int:
    value = claims[name]
    if type(value) is not int:
        raise ValueError(f"{name} must be whole seconds")
    return value


def _optional_text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _texts(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    value = claims.get(name)
    return frozenset(v for v in value if isinstance(v, str)) if isinstance(value, list) else frozenset()


def _refused(detail: str, challenge: str = 'Bearer realm="merit", error="invalid_token"') -> Problem:
    return Problem(401, "not-authenticated", detail, headers={"WWW-Authenticate": challenge})
