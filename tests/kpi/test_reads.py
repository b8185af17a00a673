"""What a caller may see of values, targets and data quality; and what is announced, with which version and reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from chassis.bus import Record
from chassis.db import Connection, Database
from contracts import envelope
from contracts.incentive import Target, TargetVersion
from contracts.kpi import ValueChanged
from services.kpi.domain.definitions import BadDefinition
from services.kpi.domain.errors import KpiNotFound, SubjectNotFound
from services.kpi.domain.periods import named
from services.kpi.domain.sight import Sight
from services.kpi.handlers import define
from services.kpi.handlers.announce import announce_changes
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.questions import Question
from services.kpi.handlers.read_attainment import Attained, read_attainment
from services.kpi.handlers.read_quality import read_quality
from services.kpi.store import directory, marks
from tests.kpi.answers import answered

Event, Person = Callable[..., dict[str, Any]], Callable[..., Record]
NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
TODAY = NOW.date()


@pytest.fixture
async def sold(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Event, person: Person
) -> Database:
    """ann sells 10 in January and 20 in February, bob 5 in February; ann is below boss in January only; lone has 3."""
    people = [
        person("boss", 1),
        person("ann", 1, ("manager", "boss", "2026-01-01", "2026-02-01"), ("team", "red", "2026-01-01", None)),
        person("bob", 1, ("manager", "boss", "2026-01-01", None), ("team", "red", "2026-01-01", None)),
        person("lone", 1),
    ]
    orders = [("1", "ann", "10", "2026-01-15"), ("2", "ann", "20", "2026-02-15"), ("3", "bob", "5", "2026-02-16")]
    orders += [("4", "lone", "3", "2026-02-17"), ("5", "stranger", "1", "2026-02-17")]
    events = [
        event(
            "placed",
            i,
            f"{day}T17:00:00Z",
            order_id=i,
            amount=amount,
            currency="USD",
            credits=[{"rep_id": r, "share": "1"}],
        )
        for i, r, amount, day in orders
    ]
    async with clean.transaction() as conn:
        await apply_people(conn, people)
        await apply_events(conn, [record(e) for e in events], zone)
    return clean


async def seen(
    database: Database, kind: str, sight: Sight, period: str = "2026", *subjects: str
) -> dict[str, str | None]:
    async with database.transaction() as conn:
        asked = Question(kind, list(subjects) or None, [named(period)], TODAY)
        page = await answered(conn, "sales_amount", asked, sight, "", 50)
    return {a.subject: a.value.text for a in page.answers}


async def test_everything(sold: Database) -> None:
    everything = Sight()
    assert await seen(sold, "rep", everything) == {"ann": "30", "bob": "5", "lone": "3"}
    assert await seen(sold, "manager", everything) == {"boss": "15"}
    assert await seen(sold, "team", everything) == {"red": "35"}
    assert await seen(sold, "company", everything) == {"company": "39"}


async def test_one_sees_only_ones_own(sold: Database) -> None:
    assert await seen(sold, "rep", Sight(own="ann")) == {"ann": "30"}
    for kind in ("manager", "team", "company", "territory"):
        assert await seen(sold, kind, Sight(own="ann")) == {}
    for foreign in ("bob", "nobody"):
        with pytest.raises(SubjectNotFound):
            await seen(sold, "rep", Sight(own="ann"), "2026", foreign)


async def test_a_manager_sees_the_tree_as_dated(sold: Database) -> None:
    boss = Sight(tree="boss")
    assert await seen(sold, "rep", boss) == {"ann": "10", "bob": "5"}
    assert await seen(sold, "manager", boss) == {"boss": "15"}
    assert await seen(sold, "team", boss) == {"red": "15"}
    assert await seen(sold, "company", boss) == {}
    assert await seen(sold, "rep", Sight(tree="lone")) == {"lone": "3"}
    with pytest.raises(SubjectNotFound):
        await seen(sold, "rep", boss, "2026", "lone")


async def test_who_is_nobody_sees_nothing(sold: Database) -> None:
    assert await seen(sold, "rep", Sight(own="")) == {}
    assert await seen(sold, "rep", Sight(tree="")) == {}


async def test_an_unknown_rep_is_listed_and_resolved_when_the_person_appears(sold: Database, person: Person) -> None:
    async def unresolved(sight: Sight) -> list[str]:
        async with sold.transaction() as conn:
            return [i["rep_id"] for i in await read_quality(conn, "unresolved", sight, "", 50)]

    assert await unresolved(Sight()) == ["stranger"]
    assert await unresolved(Sight(own="ann")) == []
    async with sold.transaction() as conn:
        await apply_people(conn, [person("stranger", 1)])
    assert await unresolved(Sight()) == []
    assert (await seen(sold, "rep", Sight()))["stranger"] == "1"


async def announced(conn: Connection) -> dict[tuple[str, str, str, str], tuple[str | None, int, str]]:
    for ids in await marks.waiting(conn, 1000):
        await announce_changes(conn, (await marks.take(conn, ids))[0], NOW, TODAY)
    rows = await conn.fetch("delete from outbox returning id, value")
    found = [msgspec.json.decode(envelope.decode(r["value"]).data, type=ValueChanged) for r in sorted(rows)]
    return {
        (v.kpi, v.subject_kind, v.subject, v.period_from.isoformat() + v.grain): (v.value, v.version, v.reason)
        for v in found
    }


async def test_each_change_is_told_once_with_its_version_and_reason(
    sold: Database, zone: ZoneInfo, record: Callable[..., Record], event: Event
) -> None:
    quarter = ("sales_amount", "rep", "ann", "2026-01-01quarter")
    async with sold.transaction() as conn:
        first = await announced(conn)
    assert first[quarter] == ("30", 1, "late")
    assert first[("sales_growth", "rep", "ann", "2026-02-01month")] == ("1.000000", 1, "late")
    again = {"currency": "USD", "credits": [{"rep_id": "ann", "share": "1"}]}
    amended = event("amended", "6", "2026-02-16T17:00:00Z", order_id="2", amount="25", **again)
    async with sold.transaction() as conn:
        await apply_events(conn, [record(amended)], zone)
        second = await announced(conn)
        assert second[quarter] == ("35", 2, "correction")
        assert second[("sales_growth", "rep", "ann", "2026-02-01month")] == ("1.500000", 2, "correction")
        assert not [k for k in second if k[2] == "bob" or k[0] == "order_count"]
        assert await announced(conn) == {}


async def test_a_new_definition_is_readable_at_once_and_versions_count_up(sold: Database) -> None:
    body: dict[str, Any] = {
        "label": {"en": "Big"},
        "kind": "simple",
        "over": "order",
        "measure": "sum",
        "field": "amount",
    }
    body |= {"unit": "money", "direction": "up", "where": [{"field": "amount", "operator": "gte", "value": "10"}]}
    async with sold.transaction() as conn:
        first = await define.publish(conn, "big_orders", body, NOW, "me")
        assert await define.publish(conn, "big_orders", body, NOW, "me") == first
        page = await answered(conn, "big_orders", Question("company", None, [named("2026")], TODAY), Sight(), "", 50)
        assert page.answers[0].value.text == "30"
        changed = body | {"where": [{"field": "territory", "operator": "not_set"}]}
        assert (await define.publish(conn, "big_orders", changed, NOW, "me")).version == 2
        with pytest.raises(BadDefinition):
            await define.publish(conn, "big_orders", body | {"key": "other"}, NOW, "me")
        with pytest.raises(KpiNotFound):
            await answered(conn, "no_such", Question("company", None, [named("2026")], TODAY), Sight(), "", 50)


async def test_a_refund_counts_on_its_own_day_for_those_of_its_orders_day(
    sold: Database, zone: ZoneInfo, record: Callable[..., Record], event: Event
) -> None:
    refunded = event("refunded", "7", "2026-02-20T17:00:00Z", order_id="1", refund_id="r", amount="4")
    async with sold.transaction() as conn:
        await apply_events(conn, [record(refunded)], zone)
    assert await seen(sold, "rep", Sight(), "2026-01") == {"ann": "10"}
    assert (await seen(sold, "rep", Sight(), "2026-02"))["ann"] == "16"
    # ann was below boss when the order was placed, and no more when it was refunded
    assert await seen(sold, "manager", Sight(), "2026-02") == {"boss": "1"}
    assert (await seen(sold, "rep", Sight(tree="boss"), "2026-02"))["ann"] == "-4"


async def test_a_target_of_other_units_or_of_nobody_is_measured_by_nothing(sold: Database) -> None:
    async def attained(version: int, currency: str | None, kpi: str = "sales_amount", **of: str) -> Attained:
        target = Target(
            target_id=f"of {kpi} {of}",
            kpi=kpi,
            subject_kind=of.get("kind", "rep"),  # type: ignore[arg-type]
            subject=of.get("subject", "ann"),
            valid_from=dt.date(2026, 1, 1),
            valid_to=dt.date(2026, 4, 1),
            currency=currency,
            versions=[TargetVersion(version, "30", NOW)],
        )
        async with sold.transaction() as conn:
            await directory.save_targets(conn, [target])
            day = dt.date(2026, 4, 1)
            everything = await read_attainment(conn, Sight(), None, None, None, day, "", 10, "USD")
        (found,) = [a for a in everything if a.target.target_id == target.target_id]
        return found

    def told(found: Attained) -> tuple[str | None, bool, str | None]:
        assert found.value
        return found.part.text if found.part else None, found.met, found.value.null_reason

    other = "the target is in another currency than what is counted"
    assert told(await attained(1, "JPY")) == (None, False, other)
    assert told(await attained(2, "USD")) == ("1.000000", True, None), "the newer version is in another currency"
    assert told(await attained(3, None)) == ("1.000000", True, None)
    assert told(await attained(1, None, "order_count")) == ("0.066667", False, None)
    money = "the target is money, and what is counted is not"
    assert told(await attained(2, "USD", "order_count")) == (None, False, money)
    assert told(await attained(1, None, subject="ghost")) == (None, False, "no such rep")
    assert told(await attained(1, None, kind="company", subject="acme")) == (None, False, "no such company")
    assert told(await attained(1, "USD", kind="company", subject="company")) == ("1.300000", True, None)
    assert (await attained(1, None, "nope")).value is None


async def test_a_group_that_is_there_in_one_of_two_windows_is_nothing_in_the_other(
    sold: Database, zone: ZoneInfo, record: Callable[..., Record], event: Event
) -> None:
    def placed(id: str, channel: str, day: str) -> Record:
        more = {"attributes": {"channel": channel}, "currency": "USD", "credits": [], "territory": "north"}
        return record(event("placed", id, f"{day}T17:00:00Z", order_id=id, amount="7", **more))

    async with sold.transaction() as conn:
        january = [placed("a", "lost", "2026-01-05"), placed("b", "kept", "2026-01-05")]
        orders = [*january, placed("c", "kept", "2026-02-05"), placed("d", "new", "2026-02-06")]
        await apply_events(conn, orders, zone)
        by, february = ("attributes.channel",), [named("2026-02")]
        asked = Question("territory", ["north"], february, TODAY, by, compare="previous_period")
        page = await answered(conn, "order_count", asked, Sight(), "", 50)
    told = [(a.group, a.value.text, a.before and a.before.text) for a in page.answers]
    assert told == [(("kept",), "1", "1"), (("lost",), "0", "1"), (("new",), "1", "0")]


async def test_what_is_to_date_is_compared_until_the_same_day(sold: Database) -> None:
    """What there was in January came on the fifteenth."""
    async with sold.transaction() as conn:
        for day, to_date, told in (("15", False, ("20", "10")), ("15", True, ("20", "10")), ("14", True, ("0", "0"))):
            until = dt.date.fromisoformat(f"2026-02-{day}")
            asked = Question("rep", ["ann"], [named("2026-02")], until, compare="previous_period", to_date=to_date)
            (answer,) = (await answered(conn, "sales_amount", asked, Sight(), "", 50)).answers
            assert (answer.value.text, answer.before and answer.before.text) == told


async def test_a_refund_repeats_the_companys_own_numbers_and_takes_nothing_of_them_away(
    sold: Database, zone: ZoneInfo, record: Callable[..., Record], event: Event
) -> None:
    """A sum of them is that of the orders, as their average is."""
    more = {"attributes": {"margin": "10"}, "currency": "USD", "credits": [], "territory": "north"}
    order = event("placed", "m", "2026-02-05T17:00:00Z", order_id="m", amount="7", **more)
    refund = event("refunded", "m-r", "2026-02-06T17:00:00Z", order_id="m", refund_id="r", amount="2", currency="USD")
    body = {"label": {"en": "Margin"}, "kind": "simple", "over": "order", "measure": "sum", "direction": "up"}
    async with sold.transaction() as conn:
        await conn.execute(
            "insert into custom_field (name, type, version, active) values ('margin', 'decimal', 1, true)"
        )
        await apply_events(conn, [record(order), record(refund)], zone)
        await define.publish(conn, "margin", body | {"field": "attributes.margin", "unit": "score"}, NOW, "me")
        asked = Question("territory", ["north"], [named("2026-02")], TODAY)
        (answer,) = (await answered(conn, "margin", asked, Sight(), "", 50)).answers
        assert answer.value.text == "10"
