"""Leaderboards over HTTP: saved ones, and who is first."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.kpi.domain.leaderboards import Leaderboard, Standing, top
from services.kpi.domain.saved import Saved
from services.kpi.handlers import read_ranks, saved
from services.kpi.handlers.read_ranks import Ranks
from services.kpi.handlers.saved import LEADERBOARDS
from services.kpi.routes.asking import LIMIT_MAX, counted, deps_of
from services.kpi.routes.saving import Reader, saving
from services.kpi.routes.windows import PERIOD, value_shown

EXAMPLE = {
    "label": {"en": "Best of the month"},
    "kpi": "sales_amount",
    "subject_kind": "rep",
    "grain": "month",
    "ranking": "target_percent",
    "top": 10,
    "shown_to": {"roles": ["rep"]},
}
router = saving("leaderboard", lambda deps: LEADERBOARDS, read_ranks.check, EXAMPLE)


class RanksQuery(BaseModel):
    """Over which period of the board's grain (that of the day), until which day; ``after``: a position to wait for."""

    model_config = ConfigDict(extra="forbid")

    period: Annotated[str | None, Field(max_length=40, description=PERIOD)] = None
    as_of: dt.date | None = None
    after: Annotated[str | None, Field(max_length=2_000)] = None


@router.get("/v1/leaderboards/{id}/ranks", summary="Who is first: the ranks of a leaderboard that is shown to you")
async def list_ranks(
    request: Request, id: str, caller: Reader, query: Annotated[RanksQuery, Query()]
) -> dict[str, Any]:
    """Equal scores share a rank, and the next one counts them all: 1, 2, 2, 4. All who share the last one are there."""
    deps = deps_of(request)
    await counted(deps, query.after)
    until = query.as_of or deps.today()
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        found = await saved.one(conn, LEADERBOARDS, id, await saved.reader(conn, caller, deps.today()))
        ranks = await read_ranks.read_ranks(conn, found, query.period, until, deps.currency)
    return _shown(found, ranks, until, caller.person_id)


def _shown(found: Saved[Leaderboard], ranks: Ranks, until: dt.date, person: str | None) -> dict[str, Any]:
    board, definition = found.body, ranks.published.definition
    own = [one for one in ranks.ranked if one[1].subject == person] if board.subject_kind in ("rep", "manager") else []
    return {
        "leaderboard": found.id,
        "label": board.label,
        "kpi": board.kpi,
        "version": ranks.published.version,
        "unit": definition.unit,
        "direction": definition.direction,
        "ranking": board.ranking,
        "improved_by": board.improved_by if board.ranking == "most_improved" else None,
        "subject_kind": board.subject_kind,
        "period": ranks.window.name,
        "from": ranks.window.start,
        "to": ranks.window.end,
        "until": until,
        "as_of": ranks.as_of,
        "items": [_standing(rank, standing) for rank, standing in top(ranks.ranked, board.top)],
        "ranked": len(ranks.ranked),
        "own": _standing(*own[0]) if own else None,
        "unranked": [{"subject": s.subject, "reason": s.reason} for s in ranks.unranked[:LIMIT_MAX]],
    }


def _standing(rank: int, standing: Standing) -> dict[str, Any]:
    """``against``: the period before, or the target. A score by target or growth is a part: 0.5 is 50 %."""
    return {
        "rank": rank,
        "subject": standing.subject,
        "score": standing.text,
        **value_shown(standing.value),
        "against": standing.against,
    }
