"""Data quality over time, over HTTP."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.quality_table import GRAINS, SHOWN, Group, Grouping, Question
from services.kpi.handlers.read_quality import read_statistics
from services.kpi.routes.asking import PageQuery, counted, deps_of, sight_of

router = APIRouter()
PERMISSION = "data_quality.read"
DAYS_MAX = 3_660
ORDER: tuple[Grouping, ...] = ("day", "week", "month", "source", "type", "rep")
NAMES = {"day": "from", "week": "from", "month": "from", "rep": "rep_id"}
Word = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


class StatisticsQuery(PageQuery):
    """Which events, by the local days of receipt ``[from, to)``, and the columns that they are grouped by."""

    since: Annotated[dt.date, Field(alias="from")]
    to: dt.date
    group_by: Annotated[list[Grouping], Field(default_factory=list, max_length=len(ORDER))]
    source: Word | None = None
    type: Word | None = None
    rep_id: Word | None = None
    after: Annotated[str | None, Field(max_length=2_000)] = None


@router.get("/v1/data-quality/statistics", summary="How good the data was, over time, by source, type and rep")
async def data_quality_statistics(
    request: Request,
    caller: Annotated[Caller, Depends(requires(PERMISSION))],
    query: Annotated[StatisticsQuery, Query()],
) -> dict[str, Any]:
    """An event counts once; where reps are asked for, or what the caller sees is some reps', once for each of those
    whom it credits. `day`, `week` and `month` begin at `from`."""
    question = _question(query, caller)
    await counted(deps_of(request), query.after)
    async with deps_of(request).database.transaction("repeatable_read", readonly=True) as conn:
        found = await read_statistics(conn, question, _read_cursor(query.cursor, question.by), query.limit + 1)
    shown = found[: query.limit]
    cursor = _write_cursor(shown[-1].key) if len(found) > query.limit else None
    return {"items": [_item(question, group) for group in shown], "next_cursor": cursor}


def _question(query: StatisticsQuery, caller: Caller) -> Question:
    if query.since >= query.to or (query.to - query.since).days > DAYS_MAX:
        raise BadQuestion(f"'from' is before 'to', by {DAYS_MAX} days at most")
    if len(set(query.group_by)) < len(query.group_by) or len(set(query.group_by) & set(GRAINS)) > 1:
        raise BadQuestion("'group_by' names each column once, and one of day, week and month at most")
    scope, of_source = caller.scope(PERMISSION), None
    if scope == "source":
        of_source = caller.source or ""  # who has none sees nothing: no source is empty
    return Question(
        since=query.since,
        until=query.to,
        by=tuple(column for column in ORDER if column in query.group_by),
        source=query.source,
        type=query.type,
        rep_id=query.rep_id,
        only_source=of_source,
        **({} if scope == "source" else {"sight": sight_of(caller, PERMISSION)}),
    )


def _item(question: Question, group: Group) -> dict[str, Any]:
    keys = {NAMES.get(column, column): key for column, key in zip(question.by, group.key, strict=True)}
    return {
        **keys,
        **{name: group.sums[name] for name in SHOWN},
        "shares": group.shares,
        "fields_missing": group.fields_missing,
        "entry_hours": group.entry_hours,
    }


def _write_cursor(key: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _read_cursor(cursor: str, by: tuple[Grouping, ...]) -> list[str] | None:
    """The key of the last group of the page before. Raises BadQuestion."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key = msgspec.json.decode(text, type=list[str])
    except (ValueError, msgspec.DecodeError) as error:
        raise BadQuestion("'cursor' is none of ours") from error
    timed = bool(by) and by[0] in GRAINS
    if len(key) != len(by) or any("\0" in one for one in key) or (timed and not _is_day(key[0])):
        raise BadQuestion("'cursor' is none of ours")
    return key


def _is_day(text: str) -> bool:
    try:
        return bool(dt.date.fromisoformat(text))
    except ValueError:
        return False
