"""What was decided of what values mean: a fingerprint for every look, and all of it for when that changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from chassis.db import Connection
from services.kpi.domain.definitions import Published
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.store.definitions import COLUMNS, Row, published

Fingerprint = tuple[Decimal | None, Decimal | None, int, str]
"""Of content alone, so that it says the same in every database: hashes of the definitions and of the company's own
fields, the first month of the fiscal year, the reporting currency."""


class Decided(NamedTuple):
    """The versions that hold on some day or wait to, in the order in which they were published; the type of every
    field that was ever declared, as values sent under its name stay what they are; and the calendar."""

    fingerprint: Fingerprint
    versions: Sequence[Published]
    custom: Mapping[str, FieldType]
    fiscal_month: int
    currency: str


_HOLDING = "status in ('published', 'building', 'waiting')"
_SUM = "select sum(hashtextextended(hash_record_extended({0}, 0)::text, 0))"
"""A record's hash is itself a sum over its columns: of two that swap what they say, it would be the same."""
FINGERPRINT = (
    f"({_SUM.format('d')} from definition d where {_HOLDING}), ({_SUM.format('f')} from custom_field f),"
    " c.fiscal_month, c.currency"
)
"""As columns, of the calendar ``c``; and when the newest record that counts was appended to the log."""
AS_OF = "(select max(read_until) from position)"
_types = msgspec.json.Decoder(dict[str, FieldType]).decode


async def fingerprint(conn: Connection) -> tuple[Fingerprint, dt.datetime | None]:
    """The fingerprint; and when the newest record that counts was appended to the log."""
    (row,) = await conn.fetch(f"select {FINGERPRINT}, {AS_OF} from calendar c")
    definitions, fields, fiscal_month, currency, as_of = row
    return (definitions, fields, fiscal_month, currency), as_of


async def read(conn: Connection) -> Decided:
    """All of it and its fingerprint, by one statement, so that the two belong together."""
    rows = await conn.fetch(
        f"select {FINGERPRINT}, (select coalesce(jsonb_object_agg(name, type), '{{}}')::text from custom_field), v.*"
        f" from calendar c left join (select {COLUMNS} from definition where {_HOLDING}) v on true"
        " order by v.ticket, v.key, v.version"
    )
    definitions, fields, fiscal_month, currency, custom = list(rows[0].values())[:5]
    found = [published(Row(*list(r.values())[5:])) for r in rows if r["key"] is not None]
    return Decided((definitions, fields, fiscal_month, currency), found, _types(custom), fiscal_month, currency)
