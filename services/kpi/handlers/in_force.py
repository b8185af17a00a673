"""The definitions in force and what they mean, as they stand in a transaction."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from chassis.db import Connection
from services.kpi.domain.meaning import Kept
from services.kpi.domain.timeline import Timeline
from services.kpi.store import decided, making

_KNOWN_MAX = 8
_known: dict[decided.Fingerprint, Timeline] = {}
"""What the last of them mean, the last one looked at at the end: one for each installation of a process, and what
changed in it."""


class Standing(NamedTuple):
    """What holds when, and when the newest record that counts was appended to the log."""

    known: Timeline
    as_of: dt.datetime | None


async def standing(conn: Connection) -> Standing:
    """The same as in_force, and how far the log is read; both are asked for by one statement."""
    fingerprint, as_of = await decided.fingerprint(conn)
    if known := _known.pop(fingerprint, None):
        _known[fingerprint] = known
    return Standing(known or await _read(conn), as_of)


def assumed() -> tuple[decided.Fingerprint, Timeline] | None:
    """What held at the last look of this process, which is nearly always what holds; to be compared by fingerprint."""
    return next(reversed(_known.items()), None)


async def in_force(conn: Connection) -> Timeline:
    """Which version of every definition holds when; read, and its meaning worked out, only when it changed."""
    return (await standing(conn)).known


async def folded(conn: Connection, known: Timeline) -> Kept:
    """Where what facts give goes: all that is kept, and what is being made, as far as it is.

    Needs a lock of store.directory, or a snapshot: what is made moves on under the exclusive one.
    """
    if not known.building:
        return known.kept
    reached, counted = {p.over: p.reached for p in await making.progress(conn)}, await making.counted(conn)
    return known.kept.beside(known.to_make.made_until(reached, counted)) if reached or counted else known.kept


async def _read(conn: Connection) -> Timeline:
    """It may be newer than the fingerprint that was looked for, as another transaction may have decided since."""
    found = await decided.read(conn)
    if len(_known) >= _KNOWN_MAX:
        del _known[next(iter(_known))]
    return _known.setdefault(found.fingerprint, meaning_of(found))


def meaning_of(found: decided.Decided) -> Timeline:
    """What was decided, as it holds and waits to."""
    holding, queue = (tuple(v for v in found.versions if (v.status == "published") == holds) for holds in (True, False))
    return Timeline(holding, queue, found.custom, found.fiscal_month, found.currency)
