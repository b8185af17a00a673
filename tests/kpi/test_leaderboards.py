"""The order of a leaderboard: laws of ranks, and what each ranking looks at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus import Record
from chassis.db import Database
from contracts.incentive import Target, TargetVersion
from services.kpi.domain.leaderboards import Leaderboard, Standing, ranked, top
from services.kpi.domain.saved import Audience, CannotWork, Reader, Saved
from services.kpi.domain.sight import Sight
from services.kpi.domain.values import Value
from services.kpi.handlers import read_ranks
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.read_ranks import Ranks
from services.kpi.store import directory

AS_OF = dt.date(2026, 12, 31)
NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
scores = st.none() | st.fractions(min_value=-3, max_value=3, max_denominator=3)


@given(st.lists(scores, max_size=8), st.sampled_from(["up", "down"]), st.integers(1, 4))
def test_a_rank_is_one_more_than_how_many_are_better(some: list[Fraction | None], direction: Any, n: int) -> None:
    standings = [Standing(str(i), Value("1", Decimal(1)), score, "1") for i, score in enumerate(some)]
    found = ranked(standings, direction)
    known = [s for s in some if s is not None]
    assert len(found) == len(known)
    for rank, standing in found:
        mine = standing.score
        assert mine is not None
        assert rank == 1 + sum(other > mine if direction == "up" else other < mine for other in known)
    assert [rank for rank, _ in found] == sorted(rank for rank, _ in found)
    assert len(top(found, n)) >= min(n, len(found))
    assert all(rank <= n for rank, _ in top(found, n))


@pytest.fixture
async def sold(
    clean: Database, zone: Any, record: Callable[..., Record], event: Callable[..., Any], person: Callable[..., Record]
) -> Database:
    """In March ann and bob sell 20 each, cy 5 and dan 12; in February ann 10, bob 40, cy nothing and dan 4; in January
    ann 7 and ed 1. boss manages ann and cy."""
    below = [("manager", "boss", "2020-01-01", None)]
    people = [person(p, 1, *(below if p in ("ann", "cy") else [])) for p in ("boss", "ann", "bob", "cy", "dan", "ed")]
    orders = [("ann", "20", "03-02"), ("bob", "20", "03-03"), ("cy", "5", "03-04"), ("dan", "12", "03-05")]
    orders += [
        ("ann", "10", "02-02"),
        ("bob", "40", "02-03"),
        ("dan", "4", "02-04"),
        ("ed", "1", "01-05"),
        ("ann", "7", "01-20"),
    ]
    events = [
        event("placed", day + rep, f"2026-{day}T17:00:00Z", order_id=day + rep, amount=amount, currency="USD")
        for rep, amount, day in orders
    ]
    for e, (rep, _, _) in zip(events, orders, strict=True):
        e["data"]["credits"] = [{"rep_id": rep, "share": "1"}]
    async with clean.transaction() as conn:
        await apply_people(conn, people)
        await apply_events(conn, [record(e) for e in events], zone)
    return clean


async def ranks(
    database: Database, sight: Sight = Sight(), period: str = "2026-03", until: dt.date = AS_OF, **said: Any
) -> Ranks:
    board = {"kpi": "sales_amount", "subject_kind": "rep", "grain": "month", "shown_to": Audience(everyone=True)}
    body = Leaderboard(label={"en": "Best"}, **(board | said))
    async with database.transaction() as conn:
        return await read_ranks.read_ranks(conn, Saved("b", body, "me", sight, 1, NOW), period, until, "USD")


def order(found: Ranks) -> list[tuple[int, str, str | None]]:
    return [(rank, s.subject, s.text) for rank, s in found.ranked]


async def test_by_value(sold: Database) -> None:
    found = await ranks(sold)
    assert order(found) == [(1, "ann", "20"), (1, "bob", "20"), (3, "dan", "12"), (4, "cy", "5")]
    assert found.unranked == []


async def test_by_most_improved(sold: Database) -> None:
    found = await ranks(sold, ranking="most_improved")
    assert order(found) == [(1, "ann", "10"), (2, "dan", "8"), (3, "cy", "5"), (4, "bob", "-20")]
    grown = await ranks(sold, ranking="most_improved", improved_by="growth")
    assert order(grown) == [(1, "dan", "2.000000"), (2, "ann", "1.000000"), (3, "bob", "-0.500000")]
    assert [(s.subject, s.reason) for s in grown.unranked] == [("cy", "the period before is zero")]


async def test_a_period_that_runs_is_held_against_the_same_part_of_the_one_before(sold: Database) -> None:
    """In February ann sells 10 on the 2nd, in January 7 on the 20th."""
    improved = {"period": "2026-02", "ranking": "most_improved"}
    early = await ranks(sold, until=dt.date(2026, 2, 2), **improved)
    assert [(s.subject, s.text, s.against) for _, s in early.ranked] == [("ann", "10", "0")]
    for until in (dt.date(2026, 2, 20), dt.date(2026, 3, 1)):
        (ann,) = [s for _, s in (await ranks(sold, until=until, **improved)).ranked if s.subject == "ann"]
        assert (ann.text, ann.against) == ("3", "7")


async def test_by_target(sold: Database) -> None:
    """ann reaches half of 40, dan all of 12, ed nothing of 1; a target of other days or money measures nothing."""
    month = dt.date(2026, 3, 1), dt.date(2026, 4, 1)
    said = [("ann", *month, "40", "USD"), ("dan", *month, "12", None), ("ed", *month, "1", "USD")]
    said += [("bob", dt.date(2026, 1, 1), month[1], "1", "USD"), ("cy", *month, "5", "EUR")]
    targets = [
        Target(
            target_id=f"t-{rep}",
            kpi="sales_amount",
            subject_kind="rep",
            subject=rep,
            valid_from=since,
            valid_to=until,
            currency=currency,
            versions=[TargetVersion(1, value, NOW)],
        )
        for rep, since, until, value, currency in said
    ]
    async with sold.transaction() as conn:
        await directory.save_targets(conn, targets)
    found = await ranks(sold, ranking="target_percent")
    assert order(found) == [(1, "dan", "1.000000"), (2, "ann", "0.500000"), (3, "ed", "0.000000")]
    assert {s.subject: s.reason for s in found.unranked} == {
        "bob": "no target for the period",
        "cy": "the target is in another currency than what is counted",
    }


async def test_a_board_holds_whom_its_maker_sees(sold: Database) -> None:
    assert [s for _, s, _ in order(await ranks(sold, Sight(tree="boss")))] == ["ann", "cy"]
    with pytest.raises(CannotWork, match="a part of a team"):
        await ranks(sold, Sight(tree="boss"), ranking="target_percent", subject_kind="team")


async def test_a_board_is_saved_for_somebody(clean: Database) -> None:
    async def check(**shown_to: Any) -> None:
        audience = Audience(**shown_to)
        board = Leaderboard(label={"en": "x"}, kpi="sales_amount", subject_kind="rep", grain="month", shown_to=audience)
        async with clean.transaction() as conn:
            await read_ranks.check(conn, board, Sight(), AS_OF)

    await check(people=("ann",))
    await check(everyone=True)
    for said, pointer in (({"roles": ("rep", "god")}, "/shown_to/roles/1"), ({}, "/shown_to")):
        with pytest.raises(CannotWork) as refused:
            await check(**said)
        assert [f.pointer for f in refused.value.faults] == [pointer]


def test_to_whom_something_is_shown() -> None:
    def reader(person: str, *roles: str, teams: tuple[str, ...] = (), sees_all: bool = False) -> Reader:
        return Reader(person, person, frozenset(roles), frozenset(teams), sees_all, False)

    audience = Audience(roles=("rep",), teams=("red",), people=("cy",))
    board = Leaderboard(label={"en": "x"}, kpi="k", subject_kind="rep", grain="month", shown_to=audience)
    saved = Saved("b", board, "ann", Sight(), 1, NOW)
    shown = [
        reader("ann"),
        reader("bob", "rep"),
        reader("bob", teams=("red",)),
        reader("cy"),
        reader("z", sees_all=True),
    ]
    assert all(saved.shown(one) for one in shown)
    assert not any(saved.shown(one) for one in (reader("bob"), reader("rep", "manager", teams=("blue", "rep"))))
