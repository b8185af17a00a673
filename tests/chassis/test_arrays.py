"""An array literal says exactly what was put in, whatever the text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.arrays import literal, literals

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
COLUMNS = {
    "text": text | st.sampled_from(["NULL", "", "{}", '"', "\\", '","', "a,b"]),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=10, max_value=10**20, min_value=-(10**20)),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamptz": st.datetimes(
        dt.datetime(1900, 1, 2),
        dt.datetime(9998, 1, 1),
        timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-5))]),
    ),
}


@pytest.fixture(scope="module")
async def conn(server: str) -> Any:
    connection = await asyncpg.connect(server)
    yield connection
    await connection.close()


@pytest.mark.parametrize("type_", COLUMNS)
async def test_what_goes_in_comes_out(conn: Any, type_: str) -> None:
    @given(st.lists(COLUMNS[type_] | st.none(), max_size=8))
    def draw(values: list[Any]) -> None:
        drawn.append(values)

    drawn: list[list[Any]] = []
    draw()
    for values in drawn:
        assert await conn.fetchval(f"select $1::text::{type_}[]", literal(values)) == values


def test_rows_become_columns_and_no_rows_empty_ones() -> None:
    assert literals([("a", 1, None), ("b", 2, Decimal("1.50"))], 3) == ['{"a","b"}', "{1,2}", "{NULL,1.50}"]
    assert literals([], 2) == ["{}", "{}"]
    with pytest.raises(ValueError, match="unpack"):
        literal(["a", 1])
