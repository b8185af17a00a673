"""The plans as they were published, ready to be applied."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from chassis.db import Connection
from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import Plan
from services.incentive.store import decisions

VERSIONS_KEPT = 2_000


async def all_versions(conn: Connection) -> list[Plan]:
    """Every version of every plan. (A version that was published once is never refused later.)"""
    return [_read(found.key, found.version, found.document) for found in await decisions.plan_versions(conn)]


@lru_cache(maxsize=VERSIONS_KEPT)
def _read(key: str, version: int, document: str) -> Plan:
    return read_plan(key, version, msgspec.json.decode(document))
