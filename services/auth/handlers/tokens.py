"""Issuing access tokens: to a client that knows its secret, and to the owner of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt

from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.tokens import ALGORITHM, AUDIENCE, TOKEN_SECONDS_MAX, TYPE
from contracts.access import format_grants
from services.auth import store
from services.auth.domain.people import Person
from services.auth.domain.roles import Grants, UnknownRole, effective
from services.auth.handlers import Auth, keys


class OAuthError(Exception):
    """A refusal in the words of RFC 6749 §5.2: ``code`` is its ``error``."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        super().__init__(description)


class CannotIssue(Exception):
    """There is no such person or role to make a token for."""


@dataclass(frozen=True)
class Issued:
    """An access token; ``scope`` holds its ``permission:scope`` words. It lives ``expires_in`` seconds."""

    access_token: str
    scope: str
    expires_in: int = TOKEN_SECONDS_MAX


@dataclass(frozen=True)
class _Bearer:
    """In whose name a token speaks."""

    subject: str
    grants: Grants
    roles: Sequence[str]
    person_id: str | None = None
    source: str | None = None


async def exchange(auth: Auth, client_id: str, secret: str, wanted: str | None) -> Issued:
    """A token for a client; ``wanted`` may narrow its scope. Raises OAuthError.

    Unknown client, wrong secret and a person who has left get the same answer, after the same work.
    """
    async with auth.database.transaction(readonly=True) as conn:
        found = await store.client(conn, client_id)
        person = await _person(conn, found[0].person_id) if found else None
    if not await auth.hasher.verify(secret, found[1] if found else None) or found is None:
        raise OAuthError("invalid_client", "the client or its secret is not right")
    client = found[0]
    if client.person_id is not None and not (person and person.active):
        raise OAuthError("invalid_client", "the client or its secret is not right")
    bearer = _Bearer(client.client_id, _narrowed(client.grants, wanted), client.roles, client.person_id, client.source)
    async with auth.database.transaction(readonly=True) as conn:
        return await _sign(conn, auth.clock, auth.issuer, bearer)


async def issue(
    database: Database,
    clock: Clock,
    issuer: str,
    *,
    person_id: str | None = None,
    role: str | None = None,
    source: str | None = None,
) -> Issued:
    """A token straight from the signing key, for whoever owns the machine.

    With ``person_id`` it speaks for the person, with their own roles or the one ``role`` given; else for the role
    alone. Raises CannotIssue.
    """
    async with database.transaction(readonly=True) as conn:
        roles = [role] if role else []
        if person_id is not None:
            person = await _person(conn, person_id)
            if person is None or not person.active:
                raise CannotIssue(f"there is no active person {person_id!r}")
            roles = roles or list(person.roles)
        if not roles:
            raise CannotIssue(f"the person {person_id!r} has no role" if person_id else "name a person or a role")
        bearer = _Bearer(person_id or f"role:{role}", _allowed(roles), roles, person_id, source)
        return await _sign(conn, clock, issuer, bearer)


def _allowed(roles: Sequence[str]) -> Grants:
    try:
        return effective(roles)
    except UnknownRole as error:
        raise CannotIssue(str(error)) from error


def _narrowed(grants: Grants, wanted: str | None) -> Grants:
    """What the client asked for out of what it may; everything when it named nothing."""
    if wanted is None:
        return grants
    words = set(wanted.split())
    chosen = {permission: scope for permission, scope in grants.items() if f"{permission}:{scope}" in words}
    if not words or len(chosen) != len(words):
        raise OAuthError("invalid_scope", f"this client may ask for: {format_grants(grants)}")
    return chosen


async def _person(conn: Connection, person_id: str | None) -> Person | None:
    return (await store.people(conn, [person_id])).get(person_id) if person_id else None


async def _sign(conn: Connection, clock: Clock, issuer: str, bearer: _Bearer) -> Issued:
    kid, key = await keys.signing_key(conn, clock)
    scope, now = format_grants(bearer.grants), int(clock.now().timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": bearer.subject,
        "client_id": bearer.subject,
        "iat": now,
        "exp": now + TOKEN_SECONDS_MAX,
        "jti": clock.new_id(),
        "scope": scope,
        "roles": list(bearer.roles),
    }
    named = {"person_id": bearer.person_id, "source": bearer.source}
    claims |= {name: value for name, value in named.items() if value is not None}
    return Issued(jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": kid}, claims, key, algorithms=[ALGORITHM]), scope)
