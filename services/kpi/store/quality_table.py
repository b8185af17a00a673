"""The counts of events summed into groups: this reader's own, the door's, who waits, and credits of nobody known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.db import Connection
from services.kpi.domain.quality_table import GRAINS, Group, Question
from services.kpi.domain.sql import Params
from services.kpi.store.event_counts import ENTERED

_OWN = ("accepted", "imported", "late", "corrections", "entry_seconds", *ENTERED)
_BOTH = ("duplicate", "conflict")
_DOOR = ("quarantined", "resolved", "discarded")
_SINGLE = ("waiting", "unresolved")
_SUMS = (*_OWN, *_BOTH, *_DOOR, *_SINGLE)


def _arm(given: dict[str, str], rest: str) -> str:
    """One source of counts: what it has, and zero for what it has not."""
    counted = [f"{given.get(name, '0')}::bigint as {name}" for name in (*_SUMS, "entry_seconds_max")]
    place = [f"{given[name]} as {name}" for name in ("day", "source", "type", "rep_id")]
    return f"select {', '.join([*place, *counted])}, {given.get('missing', 'null::jsonb')} as missing {rest}"


_OF_STREAM = {"day": "c.day", "source": "s.source", "type": "s.type"}
_EVENTS = _arm(
    _OF_STREAM
    | {"rep_id": "c.rep_id", "missing": "c.missing", "entry_seconds_max": "coalesce(c.entry_seconds_max, 0)"}
    | {name: f"coalesce(c.{name}, 0)" for name in (*_OWN, *_BOTH)},
    "from event_count c join event_stream s using (stream_id)",
)
_AT_THE_DOOR = _arm(
    {name: f"d.{name}" for name in ("day", "source", "type", "rep_id", *_BOTH, *_DOOR)}, "from door_count d"
)
_WAITING = _arm(
    _OF_STREAM | {"rep_id": "r.rep_id", "waiting": "1"},
    "from waiting_event c join event_stream s using (stream_id)"
    " cross join lateral unnest(array_append(c.rep_ids, '')) as r(rep_id)",
)
_UNRESOLVED = _arm(
    _OF_STREAM | {"rep_id": "{who}", "unresolved": "c.accepted"},
    "from event_count c join event_stream s using (stream_id)"
    " where c.rep_id <> '' and not exists (select from person p where p.person_id = c.rep_id)",
)
_COLUMN = {"source": "source", "type": "type", "rep": "rep_id"}


async def groups(conn: Connection, question: Question, after: Sequence[str] | None, limit: int) -> list[Group]:
    """The groups behind one, in the order of their keys; none that nothing was counted in."""
    params = Params()
    key = _key(question)
    behind = f"where {_row(key)} > {_row(_given(params, after))}" if after and key else ""
    picked = ", ".join([*key, *(f"sum({name})::bigint as {name}" for name in _SUMS)])
    rows = await conn.fetch(
        f"with t as ({_scoped(question, params)}) select {picked}, max(entry_seconds_max) as entry_seconds_max"
        f" from t {behind} {'group by ' + ', '.join(key) if key else ''} having count(*) > 0"
        f" {'order by ' + ', '.join(key) if key else ''} limit {params.add(limit, 'int')}",
        *params,
    )
    if not rows:
        return []
    keys = [tuple(row[n] for n in range(len(key))) for row in rows]
    accepted, missing = await _completeness(conn, question, keys)
    return [
        Group(
            one,
            {name: row[name] for name in (*_SUMS, "entry_seconds_max")},
            [row[name] for name in ENTERED],
            accepted.get(one, {}),
            missing.get(one, {}),
        )
        for one, row in zip(keys, rows, strict=True)
    ]


async def _completeness(
    conn: Connection, question: Question, keys: Sequence[tuple[str, ...]]
) -> tuple[dict[Any, dict[str, int]], dict[Any, dict[tuple[str, str], int]]]:
    """Per group: how many events of each type were accepted, and how many of them went without each field."""
    params = Params()
    key = _key(question)
    among = (
        f"where {_row(key)} >= {_row(_given(params, keys[0]))} and {_row(key)} <= {_row(_given(params, keys[-1]))}"
        if key
        else ""
    )
    grouped = ", ".join(str(n + 1) for n in range(len(key) + 2))
    place = "".join(f"{column} as k{n}, " for n, column in enumerate(key))
    rows = await conn.fetch(
        f"with t as ({_scoped(question, params)}), u as (select * from t {among})"
        f" select {place}type as of_type, null::text as field, sum(accepted)::bigint as n from u group by {grouped}"
        f" union all select {place}type, m.key, sum(m.value::bigint)::bigint from u, jsonb_each_text(missing) as m"
        f" group by {grouped}",
        *params,
    )
    accepted: dict[Any, dict[str, int]] = {}
    missing: dict[Any, dict[tuple[str, str], int]] = {}
    for row in rows:
        one = tuple(row[n] for n in range(len(key)))
        if row["field"] is None:
            accepted.setdefault(one, {})[row["of_type"]] = row["n"]
        else:
            missing.setdefault(one, {})[row["of_type"], row["field"]] = row["n"]
    return accepted, missing


def _scoped(question: Question, params: Params) -> str:
    """The counts that are asked for and may be seen."""
    who = "c.rep_id" if question.by_rep else "''"
    arms = " union all ".join((_EVENTS, _AT_THE_DOOR, _WAITING, _UNRESOLVED.replace("{who}", who)))
    wanted = [f"day >= {params.add(question.since, 'date')}", f"day < {params.add(question.until, 'date')}"]
    for column in ("source", "type", "rep_id"):
        if (value := getattr(question, column)) is not None:
            wanted.append(f"{column} = {params.add(value, 'text')}")
    if question.only_source is not None:
        wanted.append(f"source = {params.add(question.only_source, 'text')}")
    wanted.append("rep_id <> ''" if question.by_rep else "rep_id = ''")
    if question.sight.own is not None:
        wanted.append(f"rep_id = {params.add(question.sight.own, 'text')}")
    if question.sight.tree is not None:
        wanted.append(
            "exists (select from span m where m.kind in ('rep', 'manager') and m.person_id = counted.rep_id"
            f" and m.subject = {params.add(question.sight.tree, 'text')}"
            " and counted.day >= m.valid_from and counted.day < m.valid_to)"
        )
    return f"select * from ({arms}) as counted where {' and '.join(wanted)}"


def _key(question: Question) -> list[str]:
    """The columns that make a group, in the order of their keys."""
    return [
        (f"date_trunc('{name}', day)::date::text" if name in GRAINS else _COLUMN[name]) + ' collate "C"'
        for name in question.by
    ]


def _row(columns: Sequence[str]) -> str:
    return f"row({', '.join(columns)})"


def _given(params: Params, key: Sequence[str]) -> list[str]:
    return [f'{params.add(one, "text")} collate "C"' for one in key]
