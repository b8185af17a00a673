"""What a definition's value is, worked out the slow way from rows of facts: a second opinion, without any SQL.

Definitions are plain data here, a fact row is a dict of its columns, and nothing of Merit is imported.
"""

from __future__ import annotations

import ast
import datetime as dt
from fractions import Fraction
from typing import Any

from tests.kpi.naive_facts import (
    DAY,
    Body,
    Kind,
    Row,
    Window,
    World,
    anchor_day,
    belongs,
    field_of,
    holds,
    inside,
    member_day,
    period_before,
    time_of,
    year_before,
)


def value(world: World, key: str, kind: str, subject: str, window: Window, as_of: dt.date, seen: Any) -> str | None:
    """A KPI as it is written: exact, or at six places half away from zero; None where it has none.

    ``seen(row, day)``: whether the caller sees a row whose membership is decided by that day.
    """
    found = number(world, key, kind, subject, window, as_of, seen)
    if found is None:
        return None
    if exact(world, world.definitions[key]):
        digits = 10**400
        assert (found * digits).denominator == 1
        text = f"{abs(found.numerator) * digits // found.denominator:0401d}"
        text = f"{text[:-400]}.{text[-400:]}".rstrip("0").rstrip(".")
        return f"-{text}" if found < 0 else text
    scaled = int(abs(found) * 10**6 + Fraction(1, 2))
    return f"{'-' if found < 0 and scaled else ''}{scaled // 10**6}.{scaled % 10**6:06d}"


def exact(world: World, body: Body) -> bool:
    if body["kind"] == "derived":
        names = [n.id for n in ast.walk(ast.parse(body["expression"])) if isinstance(n, ast.Name)]
        return "/" not in body["expression"] and all(exact(world, world.definitions[n]) for n in names)
    return body["kind"] in ("simple", "stock") and body["measure"] != "average"


def number(
    world: World, key: str, kind: str, subject: str, window: Window, as_of: dt.date, seen: Any
) -> Fraction | None:
    body = world.definitions[key]
    again = (world, kind, subject, as_of, seen)
    match body["kind"]:
        case "growth":
            now = number(world, body["of"], kind, subject, window, as_of, seen)
            earlier = year_before(window) if body.get("compare") == "previous_year" else period_before(window)
            then = number(world, body["of"], kind, subject, earlier, as_of, seen)
            return None if now is None or not then else (now - then) / abs(then)
        case "derived":
            tree = ast.parse(body["expression"], mode="eval").body
            return arithmetic(
                tree, body["expression"], lambda name: number(world, name, kind, subject, window, as_of, seen)
            )
        case "ratio":
            over, under = (
                measured(
                    *again,
                    body | body[part] | {"where": [*body.get("where", []), *body[part].get("where", [])]},
                    window,
                )
                for part in ("numerator", "denominator")
            )
            return None if over is None or not under else over / under
    return measured(*again, body, window)


def arithmetic(node: ast.expr, text: str, look_up: Any) -> Fraction | None:
    match node:
        case ast.Name(name):
            return look_up(name)
        case ast.Constant():
            return Fraction(text[node.col_offset : node.end_col_offset])
        case ast.UnaryOp(ast.USub(), operand):
            inner = arithmetic(operand, text, look_up)
            return None if inner is None else -inner
        case ast.BinOp(left, sign, right):
            a, b = arithmetic(left, text, look_up), arithmetic(right, text, look_up)
            if a is None or b is None or (isinstance(sign, ast.Div) and not b):
                return None
            match sign:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
            return a / b
    raise ValueError(ast.dump(node))


def measured(
    world: World, kind: str, subject: str, as_of: dt.date, seen: Any, body: Body, window: Window
) -> Fraction | None:
    """An aggregate over the facts of a subject that lie in the window, which ends at its as-of day."""
    about = world.kinds[body["over"]]
    end = min(window.end, as_of + DAY)
    if body["kind"] == "stock" and end <= window.start:
        return None
    facts = [r for r in world.rows[body["over"]] if picked(world, about, body, r)]
    mine = [
        r
        for r in facts
        if inside(world, about, body, r, window.start, end)
        and belongs(world, r, member_day(world, about, body, r), kind, subject)
        and seen(r, member_day(world, about, body, r))
    ]
    measure, field = body["measure"], body.get("field")
    if measure == "count":
        return Fraction(len({(r["object_id"], r["entry"]) for r in mine}))
    if measure in ("count_distinct", "count_entities"):
        return Fraction(entities(world, about, body, mine, facts))
    values = entry_values(world, about, field, mine)
    match measure:
        case "sum":
            return sum(values, Fraction(0))
        case _ if not values:
            return None
        case "average":
            return sum(values, Fraction(0)) / len(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
    at = (len(values) - 1) * Fraction(body["percentile"]) / 100
    low, ordered = int(at), sorted(values)
    return ordered[low] + (ordered[min(low + 1, len(values) - 1)] - ordered[low]) * (at - low)


def entities(world: World, about: Kind, body: Body, mine: list[Row], facts: list[Row]) -> int:
    """Different values of a field: all, those with at least n facts, or those whose first fact ever is here."""

    def key(row: Row) -> Any:
        return field_of(world, about, body["field"], row)

    keys = {key(r) for r in mine} - {None}
    if body.get("first"):
        days = [(key(r), anchor_day(world, about, time_of(about, body), r)) for r in facts]
        firsts = {k: min(d for other, d in days if other == k and d) for k in keys}
        return sum(
            any(key(r) == k and anchor_day(world, about, time_of(about, body), r) == firsts[k] for r in mine)
            for k in keys
        )
    needed = body.get("at_least", 1)
    return sum(len({(r["object_id"], r["entry"]) for r in mine if key(r) == k}) >= needed for k in keys)


def entry_values(world: World, about: Kind, field: str, rows: list[Row]) -> list[Fraction]:
    """One number per (object, entry): its credits' parts together, or what all of them repeat."""
    found: dict[tuple[str, str], list[Fraction]] = {}
    for row in rows:
        held = field_of(world, about, field, row)
        if held is not None:
            found.setdefault((row["object_id"], row["entry"]), []).append(Fraction(held))
    return [sum(parts, Fraction(0)) if field in about.split else parts[0] for parts in found.values()]


def picked(world: World, about: Kind, body: Body, row: Row) -> bool:
    """Whether the filter lets a fact through; of orders with refunds only sums see the refunds, and not those
    of attributes, unless it says so."""
    where = body.get("where", [])
    own = (
        about.counted is None
        or (body["measure"] == "sum" and not body["field"].startswith("attributes."))
        or "entry_kind" in str(where)
        or row["entry_kind"] == about.counted
    )
    return own and all(holds(world, about, c, row) for c in where)
