"""The keys that tokens are signed with: made once, kept in the database, published as a JWKS document."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from joserfc.jwk import ECKey

from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.tokens import ALGORITHM, TOKEN_SECONDS_MAX
from services.auth import store

CURVE = "P-256"


async def ensure_key(database: Database, clock: Clock) -> None:
    """Make the first signing key when there is none; safe when many processes start at once."""
    async with database.transaction() as conn:
        await store.lock_keys(conn)
        if await store.signing_keys(conn, clock.now()):
            return
        made = ECKey.generate_key(CURVE, private=True)
        kid = made.thumbprint()
        await store.add_signing_key(conn, store.KeptKey(kid, json.dumps(made.as_dict(private=True))), clock.now())


async def published(database: Database, clock: Clock) -> dict[str, Any]:
    """The JWKS document: the public half of each key that a living token may be signed with."""
    async with database.transaction(readonly=True) as conn:
        kept = await _living(conn, clock)
    return {"keys": [_public(key) for key in kept]}


async def signing_key(conn: Connection, clock: Clock) -> tuple[str, ECKey]:
    """The key to sign with now, and its name. Raises LookupError before ensure_key has run."""
    kept = await _living(conn, clock)
    if not kept:
        raise LookupError("there is no signing key yet: start auth once")
    return kept[0].kid, ECKey.import_key(json.loads(kept[0].private_jwk))


async def _living(conn: Connection, clock: Clock) -> list[store.KeptKey]:
    return await store.signing_keys(conn, clock.now() - dt.timedelta(seconds=TOKEN_SECONDS_MAX))


def _public(key: store.KeptKey) -> dict[str, Any]:
    public = ECKey.import_key(json.loads(key.private_jwk)).as_dict(private=False)
    return {"kty": public["kty"], "crv": public["crv"], "x": public["x"], "y": public["y"]} | {
        "kid": key.kid,
        "use": "sig",
        "alg": ALGORITHM,
    }
