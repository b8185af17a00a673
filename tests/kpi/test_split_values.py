"""Values split up by fields, narrowed by a condition, and beside what was before: parts that add up to the whole."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.bus import Record
from chassis.db import Database
from services.kpi.domain.conditions import Condition
from services.kpi.domain.definitions import BadDefinition
from services.kpi.domain.narrowing import read_filter
from services.kpi.domain.periods import named
from services.kpi.domain.sight import ALL, Sight
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.questions import Question
from services.kpi.handlers.read_values import Page
from tests.kpi.answers import answered

MARCH = named("2026-03")
AS_OF = dt.date(2026, 12, 31)
ORDERS = [
    ("1", "ann", "10", "2026-03-02", {"channel": "web"}),
    ("2", "ann", "20", "2026-03-03", {"channel": "shop"}),
    ("3", "bob", "5", "2026-03-04", {"channel": "web"}),
    ("4", "bob", "7", "2026-03-05", {}),
    ("5", "ann", "4", "2026-02-05", {"channel": "web"}),
    ("6", "ann", "2", "2025-03-05", {"channel": "shop"}),
]


@pytest.fixture
async def sold(clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Any, person: Any) -> Database:
    events = [
        event("placed", i, f"{day}T17:00:00Z", order_id=i, amount=amount, currency="USD", attributes=said,
              customer_id=f"c{i}", credits=[{"rep_id": rep, "share": "1"}])
        for i, rep, amount, day, said in ORDERS
    ]  # fmt: skip
    async with clean.transaction() as conn:
        await apply_people(conn, [person("ann", 1), person("bob", 1)])
        await apply_events(conn, [record(e) for e in events], zone)
    return clean


async def ask(database: Database, kpi: str, kind: str = "company", sight: Sight = ALL, **more: Any) -> Page:
    async with database.transaction(readonly=True) as conn:
        return await answered(conn, kpi, Question(kind, None, [MARCH], AS_OF, **more), sight, "", 50)


def split(page: Page) -> dict[tuple[Any, ...], str | None]:
    return {(a.subject, *a.group): a.value.text for a in page.answers}


async def test_the_parts_by_a_field_add_up_to_the_whole_and_what_does_not_say_it_is_a_part_too(sold: Database) -> None:
    page = await ask(sold, "sales_amount", by=("attributes.channel",))
    assert split(page) == {("company", "shop"): "20", ("company", "web"): "15", ("company", None): "7"}
    (whole,) = (await ask(sold, "sales_amount")).answers
    assert whole.value.text == "42"


async def test_two_fields_and_a_ratio(sold: Database) -> None:
    page = await ask(sold, "orders_per_customer", by=("attributes.channel", "rep_id"))
    assert split(page) == {
        ("company", "shop", "ann"): "1.000000",
        ("company", "web", "ann"): "1.000000",
        ("company", "web", "bob"): "1.000000",
        ("company", None, "bob"): "1.000000",
    }


async def test_a_condition_narrows_every_measure(sold: Database) -> None:
    where = read_filter('{"field": "attributes.channel", "operator": "eq", "value": "web"}')
    assert split(await ask(sold, "sales_amount", "rep", where=where)) == {("ann",): "10", ("bob",): "5"}
    assert split(await ask(sold, "order_count", where=where)) == {("company",): "2"}
    assert split(await ask(sold, "sales_growth", "rep", where=where))[("ann",)] == "1.500000"


async def test_who_sees_a_part_sees_the_parts_of_that_part_only(sold: Database) -> None:
    page = await ask(sold, "sales_amount", "rep", Sight(own="ann"), by=("attributes.channel",))
    assert split(page) == {("ann", "shop"): "20", ("ann", "web"): "10"}


@pytest.mark.parametrize(
    ("compare", "before"), [("previous_period", {"ann": "4", "bob": "0"}), ("previous_year", {"ann": "2", "bob": "0"})]
)
async def test_beside_what_was_before(sold: Database, compare: Any, before: dict[str, str]) -> None:
    page = await ask(sold, "sales_amount", "rep", compare=compare)
    assert {a.subject: a.before and a.before.text for a in page.answers} == before


async def test_what_may_still_change_the_answer(sold: Database, record: Any, event: Any, zone: ZoneInfo) -> None:
    early = event("amended", "x", "2026-03-02T17:00:00Z", order_id="x", amount="1", currency="USD", credits=[])
    credits = [{"rep_id": "stranger", "share": "1"}]
    strange = event("placed", "y", "2026-03-02T17:00:00Z", order_id="y", amount="1", currency="USD", credits=credits)
    async with sold.transaction() as conn:
        await apply_events(conn, [record(early), record(strange)], zone)
    page = await ask(sold, "sales_amount", completeness=True)
    assert page.completeness
    assert (page.completeness.running, page.completeness.waiting, page.completeness.unresolved) == (False, 1, 1)


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (("no_such",), "unknown-field"),
        (("amount",), "type"),
        (("territory", "territory"), "shape"),
        (("territory", "rep_id", "currency", "customer_id"), "shape"),
    ],
)
async def test_fields_that_nothing_can_be_split_by(sold: Database, by: tuple[str, ...], code: str) -> None:
    with pytest.raises(BadDefinition) as refused:
        await ask(sold, "sales_amount", by=by)
    assert [f.code for f in refused.value.faults] == [code]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"field": "day", "operator": "like"}', json.dumps({"x": 1})])
def test_a_text_that_is_no_condition(text: str) -> None:
    with pytest.raises(BadDefinition):
        read_filter(text)


async def test_a_condition_that_fits_no_fact_of_the_kpi(sold: Database) -> None:
    with pytest.raises(BadDefinition, match="no field 'score'"):
        await ask(sold, "sales_amount", where=Condition(field="score", operator="eq", value="1"))
