"""One meaning: whatever is kept equals what would be recomputed, and every value what the slow way says.

Random definitions over the whole language, random facts of every kind, taken in and out in random batches.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.db import Connection, Database
from services.kpi.domain.cells import Asked
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.facts import Fact
from services.kpi.domain.meaning import Kept, kept_for
from services.kpi.domain.measures import Term, measures_of, term_of
from services.kpi.domain.periods import Window, named
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.spans import Span
from services.kpi.domain.values import leaves
from services.kpi.handlers.compute import Answer, compute
from services.kpi.store import directory, facts, keys, measures, slices, verification
from services.kpi.store.facts import change
from services.kpi.store.measures import Cell
from tests.kpi import language, naive
from tests.kpi import naive_facts as slow

EVER = dt.date.min, dt.date.max
SPANS = {
    *(Span("rep", who, who, *EVER) for who in ("ann", "bob", "cy", "boss")),
    Span("manager", "boss", "boss", *EVER),
    Span("manager", "boss", "ann", dt.date.min, dt.date(2026, 1, 1)),
    Span("manager", "boss", "bob", dt.date(2025, 12, 29), dt.date.max),
    Span("team", "red", "ann", *EVER),
    Span("team", "red", "bob", dt.date.min, dt.date(2025, 12, 30)),
    Span("team", "red", "bob", dt.date(2026, 1, 1), dt.date.max),
}
SUBJECTS = [
    ("company", "company"),
    ("territory", "north"),
    ("rep", "ann"),
    ("rep", "bob"),
    ("manager", "boss"),
    ("team", "red"),
]
PERIODS = ["2025", "2026", "2025-Q4", "2026-Q1", "2025-12", "2026-01", "2025-W52", "2026-W01", "2025-12-28"]
PERIODS += ["2026-01-01", "2025-02-28", "2024-02-29", "FY2026", "FY2026-Q3"]
KINDS = {
    k.name: slow.Kind(k.name, k.object_field, k.anchors, k.member_day, k.split, k.counted) for k in FACT_KINDS.values()
}
Objects = dict[tuple[str, str], list[Fact]]


@dataclass(frozen=True)
class Story:
    """Definitions, those of them that are in force, and batches that each say what becomes of some objects."""

    bodies: Mapping[str, Any]
    terms: Mapping[str, Term]
    kept: Kept
    fiscal_month: int
    batches: Sequence[Objects]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    bodies, catalogue = draw(language.catalogues().filter(lambda found: bool(found[0])))
    terms = {key: term_of(d, catalogue) for key, d in catalogue.definitions.items()}
    in_force = draw(st.lists(st.sampled_from(sorted(terms)), unique=True))
    overs = sorted({m.over for term in terms.values() for m in measures_of(term)})
    batches = [
        {
            (over, o): draw(st.just([]) | language.objects(over, o) | language.objects(over, o))
            for over in overs
            for o in draw(st.lists(st.sampled_from(["o1", "o2", "o3", "o4"]), unique=True, max_size=3))
        }
        for _ in range(draw(st.integers(1, 4)))
    ]
    return Story(bodies, terms, kept_for(terms[k] for k in in_force), draw(st.sampled_from([1, 1, 4, 11])), batches)


async def take(conn: Connection, kept: Kept, shift: int, before: Objects, batch: Objects) -> None:
    """Put a batch of objects in the place of what they were, as the handler of events does."""
    overs, slot = sorted({over for over, _ in batch}), len(before) % 2
    for over in overs:
        partition = {o: n % 2 for n, o in enumerate(["o1", "o2", "o3", "o4"])}
        mine = {key: made for key, made in batch.items() if key[0] == over}
        gone = [change(f, partition[f.object_id], 0) for key in mine for f in before.get(key, [])]
        fresh = [change(f, partition[f.object_id], 0) for made in mine.values() for f in made]
        if gone:
            await facts.remove(conn, over, gone, kept, slot)
        if fresh:
            await facts.add(conn, over, fresh, kept, slot)
        await keys.lock(conn)
        await facts.take_keys(conn, over, gone, fresh, kept, shift)
    await slices.sweep(conn)
    before |= batch


async def assert_kept_is_recomputed(conn: Connection, story: Story) -> None:
    for measure in (m for some in story.kept.slices.values() for m in some):
        assert (await verification.slices_that_differ(conn, measure))[1] == []
    for kept in story.kept.keys.values():
        assert (await verification.keys_that_differ(conn, kept, story.fiscal_month - 1))[1] == []


def world(story: Story, objects: Objects) -> slow.World:
    rows: dict[str, list[Any]] = {over: [] for over in FACT_KINDS}
    for (over, _), made in objects.items():
        rows[over] += [msgspec.structs.asdict(f) for f in made]
    spans = [(s.kind, s.subject, s.person_id, s.valid_from, s.valid_to) for s in SPANS]
    return slow.World(KINDS, rows, spans, story.bodies, language.CUSTOM)


class Done(Exception):
    """Ends a transaction that must not commit."""


windows = st.sampled_from(PERIODS) | st.lists(language.days, min_size=2, max_size=2, unique=True).map(sorted)


def window_of(said: Any, fiscal_month: int) -> tuple[Window, slow.Window]:
    """The window in Merit's words and in the slow way's."""
    window = named(said, fiscal_month) if isinstance(said, str) else Window(*said)
    return window, slow.Window(window.start, window.end, (window.grain or "").removeprefix("fiscal_") or None)


def sees(sight: Sight) -> Any:
    """What the caller sees, the slow way."""

    def seen(row: slow.Row, day: dt.date | None) -> bool:
        if sight.own is not None:
            return bool(row["rep_id"] == sight.own)
        tree = [s for s in SPANS if s.kind in ("manager", "rep") and s.subject == sight.tree]
        below = [s for s in tree if s.person_id == row["rep_id"] and day and s.valid_from <= day < s.valid_to]
        return sight.tree is None or bool(below)

    return seen


async def assert_values(conn: Connection, story: Story, objects: Objects, draw: Any) -> None:
    told = world(story, objects)
    for _ in range(6):
        key = draw(st.sampled_from(sorted(story.bodies)))
        kind, subject = draw(st.sampled_from(SUBJECTS))
        window, plainly = window_of(draw(windows), story.fiscal_month)
        as_of = draw(st.just(dt.date(2030, 1, 1)) | language.days)
        sight = draw(st.sampled_from([ALL, ALL, Sight(tree="boss"), Sight(own="ann")]))
        asked, term = Asked(kind, sight), story.terms[key]
        (answer,) = (await compute(conn, story.kept, asked, {key: [(term, (subject, window))]}, as_of))[key]
        assert answer.value.text == naive.value(told, key, kind, subject, plainly, as_of, sees(sight))
        assert (answer.value.text is None) == (answer.value.null_reason is not None)
        await assert_facts_behind(conn, story, asked, term, answer, as_of)


async def assert_facts_behind(
    conn: Connection, story: Story, asked: Asked, term: Term, answer: Answer, as_of: dt.date
) -> None:
    """The facts behind a value are as many as it counts, page by page, and a sum is the sum of theirs."""
    for _, measure, window in leaves(term, answer.window):
        cell = Cell(measure, answer.subject, window.cut(as_of))
        read = await measures.read(conn, asked, {(measure, cell.window): [answer.subject]}, Kept())
        number = read[measure, cell.window].get(answer.subject) or measures.nothing(measure)
        pages = await measures.facts_behind(conn, asked, cell, story.kept, (), 3)
        while len(pages) % 3 == 0 and pages:
            last = pages[-1]
            after = (last.day.isoformat(), last.object_id, last.entry)
            if not (more := await measures.facts_behind(conn, asked, cell, story.kept, after, 3)):
                break
            pages += more
        assert len({(f.object_id, f.entry) for f in pages}) == len(pages)
        if measure.aggregate.measure == "count":
            assert number.value == len(pages)
        if measure.aggregate.measure == "sum":
            assert number.value == sum(Decimal(f.value) for f in pages if f.value is not None)
        if measure.aggregate.measure in ("min", "max"):
            assert (number.value is None) == all(f.value is None for f in pages)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories(), data=st.data())
async def test_what_is_kept_is_what_is_recomputed_and_what_the_slow_way_says(
    clean: Database, story: Story, data: st.DataObject
) -> None:
    try:
        async with clean.transaction() as conn:
            await directory.replace_spans(conn, [], SPANS)
            objects: Objects = {}
            for batch in story.batches:
                await take(conn, story.kept, story.fiscal_month - 1, objects, batch)
            await assert_kept_is_recomputed(conn, story)
            await assert_values(conn, story, objects, data.draw)
            raise Done
    except Done:
        pass
