"""What naive.py knows of facts and of time: fields, filters, days, who belongs where, and what came before."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Body = Mapping[str, Any]
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Kind:
    """What the slow way has to know of a kind of fact."""

    name: str
    object_field: str
    anchors: Mapping[str, str]
    member_day: str | None
    split: frozenset[str]
    counted: str | None


@dataclass(frozen=True)
class World:
    """Facts by kind, who belongs where (kind, subject, person, from, to), definitions, declared attributes."""

    kinds: Mapping[str, Kind]
    rows: Mapping[str, list[Row]]
    spans: Iterable[tuple[str, str, str, dt.date, dt.date]]
    definitions: Mapping[str, Body]
    custom: Mapping[str, str]


@dataclass(frozen=True)
class Window:
    """``[start, end)``; ``grain`` names a calendar period."""

    start: dt.date
    end: dt.date
    grain: str | None = None


def holds(world: World, about: Kind, c: Body, row: Row) -> bool:
    if "and" in c:
        return all(holds(world, about, x, row) for x in c["and"])
    if "or" in c:
        return any(holds(world, about, x, row) for x in c["or"])
    if "not" in c:
        return not holds(world, about, c["not"], row)
    left = field_of(world, about, c["field"], row)
    if c["operator"] in ("set", "not_set"):
        return (left is not None) == (c["operator"] == "set")
    if left is None:
        return False
    if c["operator"] in ("in", "not_in"):
        return (left in [like(left, v) for v in c["values"]]) == (c["operator"] == "in")
    right = field_of(world, about, c["field2"], row) if "field2" in c else like(left, c["value"])
    if right is None:
        return False
    match c["operator"]:
        case "eq":
            return left == right
        case "ne":
            return left != right
        case "lt":
            return left < right
        case "lte":
            return left <= right
        case "gt":
            return left > right
    return left >= right


def like(left: Any, text: Any) -> Any:
    match left:
        case Decimal():
            return Decimal(text)
        case dt.datetime():
            return dt.datetime.fromisoformat(text)
        case dt.date():
            return dt.date.fromisoformat(text)
    return text


def field_of(world: World, about: Kind, field: str, row: Row) -> Any:
    if field == "credited":
        return row["rep_id"] is not None
    if field == about.object_field:
        return row["object_id"]
    if not field.startswith("attributes."):
        return row[field]
    name = field.removeprefix("attributes.")
    held = row["attributes"].get(name)
    text = {True: "true", False: "false"}.get(held, held) if isinstance(held, bool) or held is None else str(held)
    try:
        match text, world.custom.get(name, "text"):
            case None, _:
                return None
            case _, "decimal":
                return Decimal(text) if set(text) <= set("-.0123456789") else None
            case _, "date":
                return dt.date.fromisoformat(text)
            case _, "boolean":
                return {"true": True, "false": False}.get(text)
    except ValueError:
        return None
    return text


def time_of(about: Kind, body: Body) -> str:
    return body.get("from") or body.get("time") or next(iter(about.anchors))


def anchor_day(world: World, about: Kind, anchor: str, row: Row) -> dt.date | None:
    return row[about.anchors[anchor]] if anchor in about.anchors else field_of(world, about, anchor, row)


def member_day(world: World, about: Kind, body: Body, row: Row) -> dt.date | None:
    return row[about.member_day] if about.member_day else anchor_day(world, about, time_of(about, body), row)


def inside(world: World, about: Kind, body: Body, row: Row, start: dt.date, end: dt.date) -> bool:
    day = anchor_day(world, about, time_of(about, body), row)
    if body["kind"] != "stock":
        return day is not None and start <= day < end
    last = anchor_day(world, about, body["until"], row)
    return day is not None and day < end and (last is None or last >= end)


def belongs(world: World, row: Row, day: dt.date | None, kind: str, subject: str) -> bool:
    if kind == "company":
        return subject == "company"
    if kind == "territory":
        return row["territory"] == subject
    return day is not None and any(
        (k, s, p) == (kind, subject, row["rep_id"]) and since <= day < until for k, s, p, since, until in world.spans
    )


def period_before(window: Window) -> Window:
    start = window.start
    match window.grain:
        case None:
            return Window(start - (window.end - start), start)
        case "day":
            return Window(start - DAY, start, "day")
        case "week":
            return Window(start - 7 * DAY, start, "week")
    months = {"month": 1, "quarter": 3, "year": 12}[window.grain]
    return Window(months_back(start, months), start, window.grain)


def year_before(window: Window) -> Window:
    first = months_back(window.start, 12)
    if window.grain == "week":
        year, week, _ = window.start.isocalendar()
        try:
            first = dt.date.fromisocalendar(year - 1, week, 1)
        except ValueError:
            first = dt.date.fromisocalendar(year - 1, 52, 1)
        return Window(first, first + 7 * DAY, "week")
    if window.grain == "day":
        return Window(first, first + DAY, "day")
    return Window(
        first,
        months_back(window.end - DAY, 12) + DAY if window.grain is None else months_back(window.end, 12),
        window.grain,
    )


def months_back(day: dt.date, months: int) -> dt.date:
    year, month = day.year, day.month - months
    while month < 1:
        year, month = year - 1, month + 12
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
