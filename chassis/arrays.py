"""Columns of many rows as PostgreSQL's array literals: ``unnest($1::text::numeric[], …)``.

The driver encodes arrays element by element, at ten times the cost of joining text; on the path of every event that is
most of a worker's time. Bytes alone go as they are: in hexadecimal they are dearer to write, and much dearer to read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any


def literals(rows: Iterable[Sequence[Any]], width: int) -> list[str]:
    """Rows as ``width`` array literals, each of one type of value and nulls."""
    columns = list(zip(*rows, strict=True))
    return [literal(column) for column in columns] if columns else ["{}"] * width


def literal(values: Sequence[Any]) -> str:
    """One column as an array literal, exactly: text of any characters, decimals, integers, booleans, local days and
    instants with an offset, and None for null."""
    kinds = set(map(type, values))
    nullable = type(None) in kinds
    kinds.discard(type(None))
    if not kinds:
        return "{" + ",".join(["NULL"] * len(values)) + "}"
    [kind] = kinds
    if kind is str:
        return _texts(values, nullable)
    write = _WRITE[kind]
    if kind in _OFTEN_EQUAL:
        write = {value: write(value) for value in set(values) if value is not None}.__getitem__
    if nullable:
        return "{" + ",".join(["NULL" if v is None else write(v) for v in values]) + "}"
    return "{" + ",".join(map(write, values)) + "}"


def _texts(values: Sequence[str | None], nullable: bool) -> str:
    if nullable:
        return "{" + ",".join(["NULL" if v is None else _quoted(v) for v in values]) + "}"
    joined = '","'.join(values)  # type: ignore[arg-type]
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        return "{" + ",".join([_quoted(v) for v in values if v is not None]) + "}"
    return f'{{"{joined}"}}'


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


_WRITE: dict[type, Callable[[Any], str]] = {
    Decimal: str,
    int: str,
    bool: lambda v: "t" if v else "f",
    dt.date: dt.date.isoformat,
    dt.datetime: lambda v: f'"{v.isoformat()}"',
}
_OFTEN_EQUAL = {dt.date, dt.datetime}
"""What is dear to write, and the same in many rows."""
