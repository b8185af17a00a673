"""The counts of events summed into groups: this reader's own, the door's, who waits, and credits of nobody known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.db import Connection
from services.kpi.domain.quality_table import GRAINS, Group, Question
from services.kpi.domain.sql import Params
from services.kpi.store.event_counts import DOOR, ENTERED

_SUMS = ("accepted", "imported", "late", "corrections", "entry_seconds", *ENTERED, *DOOR, "waiting", "unresolved")
_COLUMNS = (*_SUMS, "entry_seconds_max")


@dataclass(frozen=True, slots=True)
class _Arm:
    """One of the tables that counts come from: what it adds to which sums, and whose the rep of a row is."""

    table: str
    counted: Mapping[str, str]
    rep_id: str = "c.rep_id"
    names: str = "s"
    """The alias that has source and type."""

    def summed(self, question: Question, params: Params, behind: str) -> str:
        """Its counts by key and type, as far as they are asked for and may be seen."""
        key = _key(question, self)
        keys = "".join(f"{column} as k{n}, " for n, column in enumerate(key))
        sums = ", ".join(f"{self.counted.get(name, '0')}::bigint as {name}" for name in _COLUMNS)
        groups = ", ".join([*key, f"{self.names}.type"])
        return (
            f"select {keys}{self.names}.type as of_type, {sums} from {self.table}"
            f" where {_wanted(question, self, params)}{behind.format(key=_row(key))} group by {groups}"
        )


_OWN = ("accepted", "imported", "late", "corrections", "entry_seconds", *ENTERED, "duplicate", "conflict")
_STREAMED = "join event_stream s using (stream_id)"
# Known reps are few beside their counts: the index is asked for one after the other, and only strangers are read.
_STRANGERS = (
    "(with recursive rep as (select min(rep_id) as id from event_count where rep_id > '' union all"
    " select (select min(rep_id) from event_count where rep_id > rep.id) from rep where rep.id is not null)"
    " select rep.id from rep where rep.id is not null and not exists (select from person p where p.person_id = rep.id))"
)
_EVENTS = _Arm(
    f"event_count c {_STREAMED}",
    {name: f"coalesce(sum(c.{name}), 0)" for name in _OWN}
    | {"entry_seconds_max": "coalesce(max(c.entry_seconds_max), 0)"},
)
_DOOR = _Arm("door_count c", {name: f"sum(c.{name})" for name in DOOR}, names="c")
_WAITING = _Arm(
    f"waiting_event c {_STREAMED} cross join lateral unnest(array_append(c.rep_ids, '')) as r(rep_id)",
    {"waiting": "count(*)"},
    rep_id="r.rep_id",
)
_UNRESOLVED = f"{_STRANGERS} as stranger join event_count c on c.rep_id = stranger.id {_STREAMED}"


async def groups(conn: Connection, question: Question, after: Sequence[str] | None, limit: int) -> list[Group]:
    """The groups behind one, in the order of their keys; none that nothing was counted in."""
    params = Params()
    behind = f" and {{key}} > {_row(_given(params, after))}" if after else ""
    unresolved = _Arm(_UNRESOLVED, {"unresolved": "sum(c.accepted)"}, "c.rep_id" if question.by_rep else "''")
    arms = [arm.summed(question, params, behind) for arm in (_EVENTS, _DOOR, _WAITING, unresolved)]
    names = [f"k{n}" for n in range(len(question.by))]
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in _SUMS)
    page, using, grouped = "", "", ", ".join([*names, "of_type"])
    if names:
        place = ", ".join(names)
        page = f", page as (select distinct {place} from t order by {place} limit {params.add(limit, 'int')})"
        using = f" join page using ({place})"
    rows = await conn.fetch(
        f"with t as materialized ({' union all '.join(arms)}){page}"
        f" select {grouped}, {sums}, max(entry_seconds_max) as entry_seconds_max from t{using}"
        f" group by {grouped} order by {grouped}",
        *params,
    )
    by_key: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        by_key.setdefault(tuple(row[name] for name in names), []).append(row)
    missing = await _missing(conn, question, list(by_key)) if by_key else {}
    return [_group(key, some, missing.get(key, {})) for key, some in by_key.items()]


def _group(key: tuple[str, ...], rows: Sequence[Any], missing: Mapping[tuple[str, str], int]) -> Group:
    """A group of its rows, one per type."""
    sums = {name: sum(row[name] for row in rows) for name in _SUMS}
    return Group(
        key,
        sums | {"entry_seconds_max": max(row["entry_seconds_max"] for row in rows)},
        [sums[name] for name in ENTERED],
        {row["of_type"]: row["accepted"] for row in rows},
        missing,
    )


async def _missing(
    conn: Connection, question: Question, keys: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], dict[tuple[str, str], int]]:
    """Per group from the first to the last of these: how many events of each type went without each field."""
    params = Params()
    key = _key(question, _EVENTS)
    among = ""
    if key:
        first, last = (_row(_given(params, one)) for one in (keys[0], keys[-1]))
        among = f" and {_row(key)} >= {first} and {_row(key)} <= {last}"
    picked = ", ".join([*key, "s.type", "m.key"])
    rows = await conn.fetch(
        f"select {picked}, sum(m.value::bigint)::bigint from {_EVENTS.table}, jsonb_each_text(c.missing) as m"
        f" where {_wanted(question, _EVENTS, params)}{among} group by {picked}",
        *params,
    )
    found: dict[tuple[str, ...], dict[tuple[str, str], int]] = {}
    for row in rows:
        *place, type_, field, times = row
        found.setdefault(tuple(place), {})[type_, field] = times
    return found


def _wanted(question: Question, arm: _Arm, params: Params) -> str:
    """What is asked for, and what of it may be seen."""
    wanted = [f"c.day >= {params.add(question.since, 'date')}", f"c.day < {params.add(question.until, 'date')}"]
    named = {"source": f"{arm.names}.source", "type": f"{arm.names}.type", "rep_id": arm.rep_id}
    for name, column in named.items():
        if (value := getattr(question, name)) is not None:
            wanted.append(f"{column} = {params.add(value, 'text')}")
    if question.only_source is not None:
        wanted.append(f"{named['source']} = {params.add(question.only_source, 'text')}")
    wanted.append(f"{arm.rep_id} <> ''" if question.by_rep else f"{arm.rep_id} = ''")
    if question.sight.own is not None:
        wanted.append(f"{arm.rep_id} = {params.add(question.sight.own, 'text')}")
    if question.sight.tree is not None:
        wanted.append(
            f"exists (select from span m where m.kind in ('rep', 'manager') and m.person_id = {arm.rep_id}"
            f" and m.subject = {params.add(question.sight.tree, 'text')} and c.day >= m.valid_from"
            " and c.day < m.valid_to)"
        )
    return " and ".join(wanted)


def _key(question: Question, arm: _Arm) -> list[str]:
    """The expressions that make a group, in the order of their keys."""
    columns = {"source": f"{arm.names}.source", "type": f"{arm.names}.type", "rep": f"{arm.rep_id}::text"}
    return [
        (f"date_trunc('{name}', c.day)::date::text" if name in GRAINS else columns[name]) + ' collate "C"'
        for name in question.by
    ]


def _row(columns: Sequence[str]) -> str:
    return f"row({', '.join(columns)})"


def _given(params: Params, key: Sequence[str]) -> list[str]:
    return [f'{params.add(one, "text")} collate "C"' for one in key]
