"""When a consumer counts as stuck, and when it does not."""

from __future__ import annotations

import pytest

from chassis.bus import Partition
from chassis.kafka_watch import FETCHES_BETWEEN_LOOKS_MIN, ProgressWatch

ONE, TWO = Partition("t", 1), Partition("t", 2)


@pytest.fixture
def watch():
    return ProgressWatch(5.0, now=0.0)


def look(watch, now, positions, ends, held=()):
    """A look after enough fetches."""
    for _ in range(FETCHES_BETWEEN_LOOKS_MIN):
        watch.fetched()
    assert watch.is_due(now)
    return watch.stuck(now, positions, ends, held)


def test_behind_at_two_looks_and_not_moved_is_stuck(watch):
    assert look(watch, 5, {ONE: 3, TWO: 9}, {ONE: 9, TWO: 9}) == []
    assert look(watch, 10, {ONE: 3, TWO: 9}, {ONE: 12, TWO: 10}) == [ONE]


@pytest.mark.parametrize(
    ("positions", "held"), [({ONE: 4}, ()), ({ONE: 9}, ()), ({ONE: 3}, (ONE,))], ids=["moved", "at the end", "held"]
)
def test_what_moves_or_is_held_for_the_next_poll_is_not_stuck(watch, positions, held):
    look(watch, 5, {ONE: 3}, {ONE: 9})
    assert look(watch, 10, positions, {ONE: 9}, held) == []


def test_what_came_between_the_looks_may_be_on_its_way(watch):
    assert look(watch, 5, {ONE: 9}, {ONE: 9}) == []
    assert look(watch, 10, {ONE: 9}, {ONE: 10}) == []
    assert look(watch, 15, {ONE: 9}, {ONE: 10}) == [ONE]


def test_a_new_assignment_begins_anew(watch):
    look(watch, 5, {ONE: 3}, {ONE: 9})
    watch.forget()
    assert look(watch, 10, {ONE: 3}, {ONE: 9}) == []


def test_a_reader_that_was_busy_proves_nothing(watch):
    watch.fetched()
    assert not watch.is_due(60)


def test_looks_are_not_too_frequent(watch):
    for _ in range(100):
        watch.fetched()
    assert not watch.is_due(4.9)
