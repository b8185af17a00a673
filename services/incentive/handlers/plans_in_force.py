"""The plans as they were published, ready to be applied."""

from __future__ import annotations

import msgspec

from chassis.db import Connection
from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import Plan
from services.incentive.store import decisions


async def all_versions(conn: Connection) -> list[Plan]:
    """Every version of every plan. (A version that was published once is never refused later.)"""
    return [
        read_plan(found.key, found.version, msgspec.json.decode(found.document))
        for found in await decisions.plan_versions(conn)
    ]
