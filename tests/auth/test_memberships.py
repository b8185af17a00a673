"""The laws of dated memberships, tried on many histories day by day."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.faults import NotValid
from services.auth.domain.memberships import Membership, decide_memberships

PEOPLE = ["a", "b", "c", "d"]
DAY = dt.date(2014, 1, 1)
SPAN = 8
DAYS = [DAY + dt.timedelta(days=n) for n in range(SPAN + 2)]


def day(n: int) -> dt.date:
    return DAY + dt.timedelta(days=n)


def manager(person: str, of: str, first: int, end: int | None) -> Membership:
    return Membership(person, "manager", of, day(first), None if end is None else day(end))


ranges = st.tuples(st.integers(0, SPAN - 1), st.one_of(st.none(), st.integers(0, SPAN)))
managers = st.builds(
    lambda person, of, span: manager(person, of, *span), st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), ranges
)


def on(history: list[Membership], date: dt.date) -> list[tuple[str, str]]:
    return [(m.person_id, m.of) for m in history if m.valid_from <= date and (m.valid_to is None or date < m.valid_to)]


def sound(history: list[Membership]) -> bool:
    """By brute force: on each day one manager at most, and nobody above themselves."""
    for date in DAYS:
        edges = on(history, date)
        above = dict(edges)
        if len(above) != len(edges):
            return False
        for person in PEOPLE:
            seen, at = set(), person
            while at in above:
                at = above[at]
                if at in seen or at == person:
                    return False
                seen.add(at)
    return all(m.valid_to is None or m.valid_from < m.valid_to for m in history)


def applied(before: list[Membership], items: list[Membership]) -> list[Membership]:
    decision = decide_memberships(before, items, PEOPLE, [])
    after = [m for m in before if m not in decision.removed] + decision.added
    assert all(m in before for m in decision.removed)
    return after


@given(st.lists(st.lists(managers, min_size=1, max_size=4), max_size=4))
def test_what_is_taken_is_sound_and_what_is_refused_is_not(batches: list[list[Membership]]) -> None:
    history: list[Membership] = []
    for batch in batches:
        by_key = {m.key: m for m in history} | {m.key: m for m in batch}
        repeated = len({m.key for m in batch}) != len(set(batch))
        if repeated or not sound(list(by_key.values())):
            with pytest.raises(NotValid) as caught:
                applied(history, batch)
            assert all(fault.pointer.startswith("/items/") for fault in caught.value.faults)
        else:
            history = applied(history, batch)
            assert sorted(history, key=lambda m: m.key) == sorted(by_key.values(), key=lambda m: m.key)


@given(st.lists(managers, min_size=1, max_size=5))
def test_applying_again_changes_nothing(batch: list[Membership]) -> None:
    try:
        history = applied([], batch)
    except NotValid:
        return
    again = decide_memberships(history, batch, PEOPLE, [])
    assert set(again.outcomes) == {"unchanged"}
    assert (again.added, again.removed) == ([], [])


def test_a_hand_over_in_one_list_in_any_order() -> None:
    before = [manager("a", "b", 0, None)]
    handed = [manager("a", "b", 0, 5), manager("a", "c", 5, None)]
    for items in (handed, handed[::-1]):
        decision = decide_memberships(before, items, PEOPLE, [])
        assert sorted(decision.outcomes) == ["changed", "created"]
        assert decision.removed == before
        assert sorted(decision.added, key=lambda m: m.key) == handed


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_circle_of_any_length_is_named_with_its_day(length: int) -> None:
    ring = PEOPLE[:length]
    steps = [*pairwise(ring), (ring[-1], ring[0])]
    items = [manager(person, of, i, None) for i, (person, of) in enumerate(steps)]
    with pytest.raises(NotValid) as caught:
        decide_memberships([], items, PEOPLE, [])
    assert {fault.code for fault in caught.value.faults} == {"cycle"}
    assert all(str(day(length - 1)) in fault.detail for fault in caught.value.faults)


def test_territories_exclude_each_other_and_a_gap_is_fine() -> None:
    north = Membership("a", "territory", "north", day(0), day(3))
    assert decide_memberships([north], [Membership("a", "territory", "south", day(4))], PEOPLE, []).added
    with pytest.raises(NotValid) as caught:
        decide_memberships([north], [Membership("a", "territory", "south", day(2), day(3))], PEOPLE, [])
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("/items/0", "overlap")]
