"""Making clients: their secret is shown once and kept only as a hash."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth import store
from services.auth.domain.clients import Client, check_client
from services.auth.handlers import Auth

FIRST_ADMIN = "admin"
SERVICE_ROLES = ("analyst", "compensation", "finance", "admin", "auditor", "integration")
"""Roles whose work a machine can do; the others see what is a person's own."""


class ClientExists(Exception):
    """A client of this id exists; its secret cannot be shown again."""


@dataclass(frozen=True)
class Credentials:
    """What a new client signs in with: the only time that its secret is known."""

    client_id: str
    client_secret: str


async def create_client(auth: Auth, client: Client) -> Credentials:
    """Keep a new client. Raises NotValid and ClientExists."""
    secret = auth.new_secret()
    hashed = await auth.hasher.hash(secret)
    async with auth.database.transaction() as conn:
        people = await store.people(conn, [client.person_id] if client.person_id else [])
        check_client(client, people.get(client.person_id or ""))
        if not await store.add_client(conn, client, hashed, auth.clock.now()):
            raise ClientExists(f"there is a client {client.client_id!r} already")
    return Credentials(client.client_id, secret)


async def first_admin(auth: Auth) -> Credentials | None:
    """A first client with the role admin; None when there is one already (its secret was shown when it was made)."""
    async with auth.database.transaction(readonly=True) as conn:
        if await store.clients_with_role(conn, "admin"):
            return None
    try:
        return await create_client(auth, Client(FIRST_ADMIN, ("admin",)))
    except ClientExists:
        return None


async def service_accounts(auth: Auth, source: str | None = None) -> dict[str, Credentials]:
    """A client ``service-ROLE`` for each role whose work a machine can do: those made now, by role.

    ``source`` becomes the event source of the one that sends events.
    """
    made: dict[str, Credentials] = {}
    for role in SERVICE_ROLES:
        client = Client(f"service-{role}", (role,), source=source if role == "integration" else None)
        try:
            made[role] = await create_client(auth, client)
        except ClientExists:
            continue
    return made
