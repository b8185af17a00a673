"""A look: who is in sight, sums of what is kept, and what holds, by one statement and so out of one snapshot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from chassis.db import Connection
from services.kpi.domain.sight import Sight
from services.kpi.domain.sql import Params
from services.kpi.store import decided, values
from services.kpi.store.sums import Sums


class Look(NamedTuple):
    """What holds, when the newest record that counts was appended to the log, who is in sight, and the sums as rows."""

    fingerprint: decided.Fingerprint
    as_of: dt.datetime | None
    subjects: list[str]
    rows: list[tuple[Any, ...]]


async def look(
    conn: Connection, kind: str, sight: Sight, asked: Sequence[str] | None, after: str, limit: int, sums: Sums
) -> Look:
    """The subjects of a kind, as ``values.subjects`` picks them, and beside them the sums, of whomever they are."""
    params = Params()
    summed = sums.sql(params)
    subjects = values.subjects_sql(params, kind, sight, asked, after, limit)
    (row,) = await conn.fetch(
        f"select {decided.FINGERPRINT}, {decided.AS_OF}, array({subjects}), v.* from calendar c, lateral (select"
        f" array_agg(s.part), array_agg(s.n), array_agg(s.value), array_agg(s.facts) from ({summed}) s) v",
        *params,
    )
    definitions, fields, fiscal_month, currency, as_of, found, *columns = row
    rows = list(zip(*columns, strict=True)) if columns[0] else []
    return Look((definitions, fields, fiscal_month, currency), as_of, found, rows)
