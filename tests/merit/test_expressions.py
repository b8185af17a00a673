"""Expressions: what they result in, over a row and over a group, and what is refused before any row is read."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merit.importing.expressions import over_rows, over_scopes
from merit.importing.functions import BadExpression
from merit.importing.scopes import LINE, Scope, Unusable, named

KINDS: Any = {
    "price": "decimal", "pieces": "integer", "code": "text", "day": "date", "at": "datetime", "wait": "duration",
    "paid": "boolean", "nothing": "decimal", "reps": "texts", "other": "decimal", "whatever": "any",
}  # fmt: skip
ROW: dict[str, Any] = {
    LINE: 7, "price": Decimal("2.50"), "pieces": 3, "code": "C12", "day": dt.date(2026, 3, 1), "paid": False,
    "at": dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC), "wait": dt.timedelta(seconds=90), "nothing": None,
    "reps": ("a", "b"), "other": Decimal(0), "whatever": "x",
}  # fmt: skip


def value(text: str, row: dict[str, Any] = ROW) -> Any:
    return over_rows(text, KINDS).value(row)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("price * pieces", Decimal("7.50")),
        ("price + 0.1 - 0.3", Decimal("2.3")),
        ("-price", Decimal("-2.5")),
        ("price * (1 - 0.15)", Decimal("2.125")),
        ("1_000 * 0.000000000000000000000001", Decimal("1e-21")),
        ("round(price * 0.333, 2)", Decimal("0.83")),
        ("round(-2.5, 0)", Decimal(-3)),
        ("price + nothing", None),
        ("coalesce(nothing, other, price)", Decimal(0)),
        ("day + days(30)", dt.date(2026, 3, 31)),
        ("at + wait", dt.datetime(2026, 3, 1, 9, 1, 30, tzinfo=dt.UTC)),
        ("at - seconds(1.5)", dt.datetime(2026, 3, 1, 8, 59, 58, 500_000, tzinfo=dt.UTC)),
        ("date(at)", dt.date(2026, 3, 1)),
        ("'cancelled' if starts(code, 'C') else 'placed'", "cancelled"),
        ("pieces if paid else None", None),
        ("True", True),
    ],
)
def test_what_it_results_in(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("price > 2 and pieces == 3", True),
        ("price >= 2.5 and not paid", True),
        ("price < 0 or code != 'C12'", False),
        ("code in ['A', 'C12']", True),
        ("code not in ['A', 'C12']", False),
        ("pieces in [1, 3.0]", True),
        ("day >= '2026-03-01' and day < '2026-04-01'", True),
        ("whatever == 'x'", True),
        ("nothing > 0", False),
        ("nothing <= 0", False),
        ("nothing != 0", False),
        ("nothing in [1]", False),
        ("nothing not in [1]", False),
        ("not nothing", True),
        ("not other", False),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert value(text) is holds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prise * 2", "there is no column 'prise' here; did you mean 'price'?"),
        ("price / 2", "multiply, as in cents * 0.01"),
        ("price ** 2", "joins decimal and integer"),
        ("price + code", "joins decimal and text"),
        ("day + 1", "joins date and integer"),
        ("price > 'x'", "compares decimal with text"),
        ("paid > 1", "compares boolean with integer"),
        ("whatever > 1", "compares any with integer"),
        ("1 < price < 3", "compares twice"),
        ("price == None", "say 'not x' for what is not filled in"),
        ("day > 'soon'", "'soon' is no day"),
        ("code in price", "'in' wants a list"),
        ("code in [price]", "holds constants"),
        ("code in [1]", "1 in the list is integer, and is looked for in text"),
        ("price if paid else code", "both sides are of one kind"),
        ("sum(price)", "sum is over the rows of a group"),
        ("reps", "holds several values"),
        ("sun(price)", "there is no function 'sun'; did you mean 'sum'?"),
        ("starts(code, code)", "starts wants"),
        ("round(price)", "round wants"),
        ("date(day)", "date wants an instant"),
        ("coalesce(price, code)", "values of one kind"),
        ("price.real", "nothing that an expression may say"),
        ("code[0]", "nothing that an expression may say"),
        ("__import__('os')", "there is no function '__import__'"),
        ("().__class__.__base__()", "there is no function"),
        ("[x for x in code]", "nothing that an expression may say"),
        ("lambda: 1", "nothing that an expression may say"),
        ("f'{price}'", "nothing that an expression may say"),
        ("price := 1", "is no expression"),
        ("", "is no expression"),
        ("(" * 400 + "1" + ")" * 400, "is no expression"),
        ("-" * 990 + "1", "is no expression"),
        ("1\x00", "is no expression"),
        ("1+" * 600 + "1", "at most 1000 characters"),
        ("1j", "is no text, number"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadExpression) as caught:
        over_rows(text, KINDS)
    assert says in str(caught.value)


def scope(*rows: dict[str, Any]) -> Scope:
    return Scope([ROW | {LINE: number} | row for number, row in enumerate(rows, 2)])


def over(text: str, found: Scope) -> Any:
    return over_scopes(text, KINDS).value(found)


def test_over_a_group() -> None:
    group = scope({"pieces": 1}, {"pieces": 4, "price": None}, {"pieces": 2, "code": "B"})

    assert over("sum(pieces * price)", group) == Decimal("7.5")
    assert over("-sum(pieces) + 1", group) == -6
    assert [over(f"{name}(pieces)", group) for name in ("min", "max", "first", "last")] == [1, 4, 1, 2]
    assert over("last(price)", group) == Decimal("2.5"), "what is not filled in is passed over"
    assert over("count()", group) == 3
    assert over("sum(nothing)", group) == 0
    assert over("max(nothing)", group) is None
    assert over("date(min(at)) + days(1)", group) == dt.date(2026, 3, 2)


def test_a_column_outside_of_a_sum_is_one_on_which_all_rows_agree() -> None:
    assert over("day", scope({}, {})) == ROW["day"]
    with pytest.raises(Unusable, match=r"'code' differs within the group: 'C12' in line 2, 'B' in line 3"):
        over("code", scope({}, {"code": "B"}))
    with pytest.raises(Unusable, match="'price' differs"):
        over("price * sum(pieces)", scope({}, {"price": None}))


def test_a_sum_within_a_sum_is_refused() -> None:
    with pytest.raises(BadExpression, match="max is over the rows of a group"):
        over_scopes("sum(max(price))", KINDS)


@given(st.integers(1, 40), st.decimals("0", "1000000", places=3))
def test_even_parts_add_up_to_the_whole(count: int, whole: Decimal) -> None:
    parts = [over_scopes(f"even({whole})", KINDS).value(Scope([ROW], place, count)) for place in range(count)]

    assert sum(parts) == whole
    assert max(parts) - min(parts) <= Decimal("0.001") or max(parts) - min(parts) <= Decimal("0.0000000001")


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=10)))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    if amounts:
        found = over("sum(price * pieces)", scope(*({"price": amount} for amount in amounts)))
        assert Fraction(found) == sum(3 * Fraction(amount) for amount in amounts)


@given(
    st.lists(
        st.lists(st.text(alphabet="a/", max_size=3), min_size=1, max_size=3), min_size=2, max_size=2, unique_by=tuple
    )
)
def test_no_two_keys_have_one_name(keys: list[list[str]]) -> None:
    if len(keys[0]) == len(keys[1]):
        assert named(keys[0]) != named(keys[1])


def test_what_cannot_be_worked_out_makes_the_row_unusable() -> None:
    with pytest.raises(Unusable, match="cannot be worked out together"):
        value("day + wait", ROW | {"day": dt.date.max, "wait": dt.timedelta(days=9)})
    with pytest.raises(Unusable, match="days are too many"):
        value("days(price)", ROW | {"price": Decimal(10**30)})
