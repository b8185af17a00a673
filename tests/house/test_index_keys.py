"""The widest key that a service can be given fits every index it goes into: PostgreSQL takes 2704 bytes and no more."""

from __future__ import annotations

import datetime as dt
import random

import asyncpg
from sqlalchemy import ARRAY, String, UniqueConstraint
from sqlalchemy.dialects import postgresql

from contracts.envelope import ID_BYTES_MAX
from tests.house.test_services import metadata_of

WIDER = {
    "entry": 2 * ID_BYTES_MAX + 32,  # a refund's has the source and the id of its event
    "credit_id": ID_BYTES_MAX + 8,  # a word and the rep
    "account": ID_BYTES_MAX + 8,  # a word and the payee
    "fault_words": ID_BYTES_MAX + 64,  # a code and a place
}
"""Columns that hold more than one id. Any other text in an index is an id, or no longer than one."""


async def test_the_widest_key_fits_every_index(service, new_database):
    """What does not fit can never be counted, however often it is tried: give its parts a limit where they come in."""
    conn = await asyncpg.connect(await new_database())
    for table in metadata_of(service.name).tables.values():
        for number, (using, columns) in enumerate(indexes_of(table)):
            name = f'"{table.name} {number}"'
            names = ", ".join(f'"{column.name}"' for column in columns)
            typed = ", ".join(f'"{c.name}" {c.type.compile(dialect=postgresql.dialect())}' for c in columns)
            await conn.execute(f"create table {name} ({typed})")
            await conn.execute(f"create index on {name} using {using} ({names})")
            await conn.execute(f"insert into {name} values ({', '.join(map(widest, columns))})")
    await conn.close()


def indexes_of(table):
    """How each index of a table is made, and of which columns."""
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    made = [("btree", list(of.columns)) for of in (table.primary_key, *unique)]
    return made + [(i.dialect_options["postgresql"]["using"] or "btree", list(i.columns)) for i in table.indexes]


def widest(column):
    """A text of random characters of two bytes each, which compressing hardly helps; what is no text is short."""
    if isinstance(column.type, String | ARRAY):
        dice, size = random.Random(column.name), WIDER.get(column.name, ID_BYTES_MAX)
        text = "".join(chr(dice.randint(0x80, 0x7FF)) for _ in range(size // 2))
        return f"array['{text}']" if isinstance(column.type, ARRAY) else f"'{text}'"
    return "'2026-01-31'" if issubclass(column.type.python_type, dt.date) else "'1'"
