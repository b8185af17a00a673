"""The people that auth announced, the spans made of them, and targets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from chassis.db import Connection, columns
from contracts.directory import Person
from contracts.incentive import Target
from services.kpi.domain.sight import Sight
from services.kpi.domain.spans import Span


@dataclass(frozen=True, slots=True)
class TargetVersion:
    """The newest version of a target over ``[valid_from, valid_to)``."""

    target_id: str
    kpi: str
    subject_kind: str
    subject: str
    valid_from: dt.date
    valid_to: dt.date
    version: int
    value: Decimal
    currency: str | None


_decode_person = msgspec.json.Decoder(Person).decode


async def lock_shared(conn: Connection) -> None:
    """Spans and definitions stay as they are until this transaction ends; many may hold this at once."""
    await conn.execute("select pg_advisory_xact_lock_shared(hashtext('kpi.meaning'))")


async def lock_exclusive(conn: Connection) -> None:
    """Alone until this transaction ends: spans or definitions are about to change under the slices."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('kpi.meaning'))")


async def people(conn: Connection) -> dict[str, Person]:
    """Everyone, with their whole dated history."""
    rows = await conn.fetch("select person_id, body from person")
    return {r["person_id"]: _decode_person(r["body"]) for r in rows}


async def save_people(conn: Connection, persons: Sequence[Person]) -> None:
    """Replace what is known of these people; an older version never replaces a newer one."""
    await conn.execute(
        "insert into person (person_id, version, body) select * from unnest($1::text[], $2::int[], $3::bytea[])"
        " on conflict (person_id) do update set version = excluded.version, body = excluded.body"
        " where person.version < excluded.version",
        *columns([(p.person_id, p.version, msgspec.json.encode(p)) for p in persons], 3),
    )


async def spans(conn: Connection) -> set[Span]:
    """All spans as they are kept."""
    rows = await conn.fetch("select kind, subject, person_id, valid_from, valid_to from span")
    return {Span(*r.values()) for r in rows}


async def replace_spans(conn: Connection, gone: Iterable[Span], new: Iterable[Span]) -> None:
    """Take some spans away and put others in their place."""
    keys = [(s.kind, s.subject, s.person_id, s.valid_from) for s in gone]
    await conn.execute(
        "delete from span using unnest($1::text[], $2::text[], $3::text[], $4::date[])"
        " as g(kind, subject, person_id, since)"
        " where span.kind = g.kind and span.subject = g.subject and span.person_id = g.person_id"
        " and span.valid_from = g.since",
        *columns(keys, 4),
    )
    await conn.execute(
        "insert into span (kind, subject, person_id, valid_from, valid_to)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[])",
        *columns([(s.kind, s.subject, s.person_id, s.valid_from, s.valid_to) for s in new], 5),
    )


async def save_targets(conn: Connection, targets: Sequence[Target]) -> None:
    """Keep the newest version of each target."""
    rows = [
        (t.target_id, t.kpi, t.subject_kind, t.subject, t.valid_from, t.valid_to, v.version, v.value, t.currency)
        for t in targets
        for v in [max(t.versions, key=lambda v: v.version)]
    ]
    await conn.executemany(
        "insert into target (target_id, kpi, subject_kind, subject, valid_from, valid_to, version, value, currency)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8::text::numeric, $9) on conflict (target_id) do update"
        " set version = excluded.version, value = excluded.value, currency = excluded.currency"
        " where target.version < excluded.version",
        rows,
    )


_TARGET = "target_id, kpi, subject_kind, subject, valid_from, valid_to, version, value, currency"


async def targets_over(
    conn: Connection, kpi: str, kind: str, since: dt.date, until: dt.date
) -> dict[str, TargetVersion]:
    """The targets of a KPI over exactly this window, by subject (there is one for each at most)."""
    rows = await conn.fetch(
        f"select {_TARGET} from target where kpi = $1 and subject_kind = $2 and valid_from = $3 and valid_to = $4",
        kpi,
        kind,
        since,
        until,
    )
    return {r["subject"]: TargetVersion(*r.values()) for r in rows}


async def targets(
    conn: Connection,
    sight: Sight,
    subject: str | None,
    since: dt.date | None,
    until: dt.date | None,
    after: str,
    limit: int,
) -> list[TargetVersion]:
    """Targets that the caller may see, in order of their ids: their own, or of who is in their tree within the window.

    A tree sees no team's target: what it sees of a team may be a part, which would be measured against the whole.
    """
    rows = await conn.fetch(
        f"select {_TARGET} from target t"
        " where ($1::text is null or subject = $1) and ($2::date is null or valid_from >= $2)"
        ' and ($3::date is null or valid_to <= $3) and target_id collate "C" > $4'
        " and ($5::text is null or (subject_kind = 'rep' and subject = $5))"
        " and ($6::text is null or (subject_kind in ('rep', 'manager') and exists (select from span m"
        " where m.kind in ('manager', 'rep') and m.subject = $6 and m.person_id = t.subject"
        " and m.valid_from < t.valid_to and t.valid_from < m.valid_to)))"
        ' order by target_id collate "C" limit $7',
        subject,
        since,
        until,
        after,
        sight.own,
        sight.tree,
        limit,
    )
    return [TargetVersion(*r.values()) for r in rows]
