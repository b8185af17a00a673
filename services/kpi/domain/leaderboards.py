"""A leaderboard as data, and the order that it puts subjects in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.kpi import SubjectKind
from services.kpi.domain.conditions import Condition, Fault
from services.kpi.domain.definitions import Direction, Key, Label
from services.kpi.domain.meaning import InForce
from services.kpi.domain.periods import AnyGrain
from services.kpi.domain.reports import kpi_faults
from services.kpi.domain.saved import Audience, CannotWork
from services.kpi.domain.sight import Sight
from services.kpi.domain.values import NO_PRIOR, Value, plain, rounded, shown

TOP_MAX = 200
Ranking = Literal["value", "target_percent", "most_improved"]
NO_TARGET = "no target for the period"
NO_VALUE_BEFORE = "no value in the period before"


class Leaderboard(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Who is first by a KPI over a period of the grain, and to whom that is shown: whom the board names see all of it.

    ``ranking``: by ``value``; by ``target_percent``, the part of the period's own target that is reached; or by
    ``most_improved``, the ``difference`` to the period before or the ``growth`` over it (``improved_by``); while the
    period runs, to the same part of the one before.
    ``top``: the ranks up to this number, with all who share the last one.
    """

    label: Label
    kpi: Key
    subject_kind: SubjectKind
    grain: AnyGrain
    shown_to: Audience
    ranking: Ranking = "value"
    improved_by: Literal["difference", "growth"] = "difference"
    top: Annotated[int, Meta(ge=1, le=TOP_MAX)] = 10
    filter: Condition | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A subject with its value and what it is ranked by, exactly and as it is shown; without that there is a reason.

    ``against``: the value of the period before, or the target.
    """

    subject: str
    value: Value
    score: Fraction | None
    text: str | None
    reason: str | None = None
    against: str | None = None


def check_leaderboard(board: Leaderboard, known: InForce, sight: Sight) -> None:
    """Raise CannotWork with a pointer per fault; ``sight``: how far its maker sees."""
    faults = [*kpi_faults(board.kpi, "/kpi", board.filter, known), *_ranking_faults(board, sight)]
    if faults:
        raise CannotWork(faults)


def _ranking_faults(board: Leaderboard, sight: Sight) -> Iterator[Fault]:
    if board.ranking == "target_percent" and not sight.everything and board.subject_kind not in ("rep", "manager"):
        yield Fault("/subject_kind", "no-targets", "who sees a part of a team would measure it by the target of all")
    if board.ranking == "target_percent" and board.filter is not None:
        yield Fault("/filter", "not-with-targets", "a target is of the whole KPI: a part of it would be measured by it")
    if board.improved_by == "growth" and board.ranking != "most_improved":
        yield Fault("/improved_by", "not-for-this-ranking", "only most_improved looks at the period before")


def by_value(subject: str, value: Value) -> Standing:
    """Ranked by the value itself."""
    return Standing(subject, value, value.exact, value.text, value.null_reason)


def by_target(subject: str, value: Value, part: Value | None, target: Decimal) -> Standing:
    """Ranked by how much of the target is reached; ``part`` None: the value cannot be measured by it."""
    score, text = (part.exact, part.text) if part else (None, None)
    reason = part.null_reason if part else value.null_reason
    return Standing(subject, value, score, text, reason, plain(target))


def by_improvement(subject: str, value: Value, before: Value | None, growth: bool) -> Standing:
    """Ranked by the difference to the period before, or by the growth over it."""
    now, prior = value.exact, before.exact if before else None
    told = before.text if before else None
    if now is None or prior is None:
        return Standing(subject, value, None, None, value.null_reason or NO_VALUE_BEFORE, told)
    if not growth:
        return Standing(subject, value, now - prior, shown(now - prior), None, told)
    if not prior:
        return Standing(subject, value, None, None, NO_PRIOR, told)
    score = (now - prior) / abs(prior)
    return Standing(subject, value, score, rounded(score), None, told)


def ranked(standings: Iterable[Standing], direction: Direction) -> list[tuple[int, Standing]]:
    """The best first, equal scores by subject; who is equal shares a rank, and the next one counts them all: 1, 2, 2,
    4. Who has no score has no rank, and is left out. Scores are compared exactly, never as they are shown."""
    scored = [(s.score if direction == "down" else -s.score, s) for s in standings if s.score is not None]
    ordered = [s for _, s in sorted(scored, key=lambda one: (one[0], one[1].subject))]
    ranks: list[tuple[int, Standing]] = []
    for place, standing in enumerate(ordered, 1):
        tied = bool(ranks) and ranks[-1][1].score == standing.score
        ranks.append((ranks[-1][0] if tied else place, standing))
    return ranks


def top(ranks: Sequence[tuple[int, Standing]], n: int) -> list[tuple[int, Standing]]:
    """The ranks up to n, with all who share the last one."""
    return [one for one in ranks if one[0] <= n]
