"""Which version of each definition holds on which day, and the queue of those that wait to."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

from services.kpi.domain.definitions import Published
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.meaning import InForce, Kept, kept_for
from services.kpi.domain.measures import Term
from services.kpi.domain.periods import DAY, Window


@dataclass(frozen=True)
class Part:
    """The days ``[since, until)`` on which the same versions hold; ``until`` None: for ever."""

    since: dt.date
    until: dt.date | None
    known: InForce

    def measures(self, window: Window) -> bool:
        """Whether a window's last day is one of these: then it is measured by what holds here."""
        last = window.end - DAY
        return self.since <= last and (self.until is None or last < self.until)


@dataclass(frozen=True)
class Timeline:
    """Of each key the version that was published last among those that hold on a day, holds on it.

    ``versions``: switched to. ``queue``: those that are not yet, in the order in which they were published. The first
    version of a key holds for all time, so every key has one on every day.
    """

    versions: Sequence[Published] = ()
    queue: Sequence[Published] = ()
    custom: Mapping[str, FieldType] = field(default_factory=dict)
    fiscal_month: int = 1
    currency: str = "USD"

    @cached_property
    def parts(self) -> Sequence[Part]:
        """The stretches of days on which the same versions hold, in order; the first has no beginning."""
        begins = sorted({dt.date.min, *(v.since for v in self.versions)})
        ends = [*begins[1:], None]
        return [Part(since, until, self._holding(since)) for since, until in zip(begins, ends, strict=True)]

    def _holding(self, day: dt.date) -> InForce:
        holding = sorted((v for v in self.versions if v.since <= day), key=lambda v: v.ticket)
        return InForce({v.definition.key: v for v in holding}, self.custom, self.fiscal_month, self.currency)

    def on(self, day: dt.date) -> InForce:
        """What holds on a day."""
        return self.parts[bisect_right([p.since for p in self.parts], day) - 1].known

    def of(self, window: Window) -> InForce:
        """What a window is measured by: what holds on its last day."""
        return self.on(window.end - DAY)

    @property
    def shift(self) -> int:
        """By how many months the fiscal year begins later than the calendar's."""
        return self.fiscal_month - 1

    @cached_property
    def terms(self) -> Sequence[tuple[str, Term]]:
        """Everything that a key means on some day, by key."""
        found: list[tuple[str, Term]] = []
        for part in self.parts:
            found += [pair for pair in part.known.terms.items() if pair not in found]
        return found

    @cached_property
    def kept(self) -> Kept:
        """What is kept so that the values of every day are at hand."""
        return kept_for(term for _, term in self.terms)

    @property
    def building(self) -> bool:
        """Whether something of the queue is being made."""
        return any(v.status == "building" for v in self.queue)

    @cached_property
    def group(self) -> Sequence[Published]:
        """Those of the queue that are made together and switched to in one step: what is building, else all."""
        return tuple(v for v in self.queue if v.status == "building") or self.queue

    @cached_property
    def next(self) -> Timeline:
        """What holds once the group is switched to."""
        switched = replace(self, queue=tuple(v for v in self.queue if v not in self.group))
        return reduce(Timeline.having, self.group, switched)

    @cached_property
    def coming(self) -> Timeline:
        """What holds once the whole queue is switched to."""
        return self.next.coming if self.queue else self

    @cached_property
    def to_make(self) -> Kept:
        """What the group needs and is not kept yet."""
        return self.next.kept.lacking(self.kept)

    @cached_property
    def to_read(self) -> Sequence[str]:
        """The kinds of facts that it has to be made from; further counts of a set that is kept need none."""
        of_keys = {k.key_set.distinct.over for i, k in self.to_make.keys.items() if i not in self.kept.keys}
        return sorted({family.over for family in self.to_make.slices} | of_keys)

    def having(self, published: Published) -> Timeline:
        """The same with a version switched to."""
        return replace(self, versions=(*(v for v in self.versions if not published.supersedes(v)), published))

    def without(self, waiting: Published) -> Timeline:
        """The same with a version that waits withdrawn."""
        return replace(self, queue=tuple(v for v in self.queue if v != waiting))
