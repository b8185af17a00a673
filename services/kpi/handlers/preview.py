"""A preview: what a definition would say of the facts that there are, beside what the published one says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from chassis.db import Connection
from chassis.patience import within
from services.kpi.domain.cells import Asked
from services.kpi.domain.definitions import Definition, Published
from services.kpi.domain.measures import term_of
from services.kpi.domain.sight import Sight
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers import drafts
from services.kpi.handlers.compute import Answer, Pair, compute
from services.kpi.handlers.define import checked
from services.kpi.handlers.in_force import in_force
from services.kpi.handlers.questions import Question, value
from services.kpi.handlers.read_values import SECONDS_MAX, next_cursor, subjects_in_sight


@dataclass(frozen=True, slots=True)
class Seen:
    """The value that a definition would give, and that of the version in force; None where none is."""

    draft: Answer
    published: Answer | None


@dataclass(frozen=True, slots=True)
class Preview:
    """Values in order of subject and window; ``next_cursor`` continues behind the last subject."""

    unit: str
    published: Published | None
    seen: Sequence[Seen]
    next_cursor: str | None


async def preview(
    conn: Connection,
    key: str,
    body: Mapping[str, Any] | None,
    asked: Question,
    sight: Sight,
    after: str,
    limit: int,
) -> Preview:
    """Compute a definition (None: the key's draft) over the windows, for the subjects in sight; nothing is kept of it.

    Without asked-for subjects, those without a fact in any window, by either definition, are left out.
    Raises BadDefinition, DraftNotFound, SubjectNotFound, and TooSlow when it would take more than SECONDS_MAX.
    """
    known = await in_force(conn)
    said = msgspec.to_builtins((await drafts.read(conn, key)).definition) if body is None else body
    definition = checked(key, said, known.coming)
    subjects = await subjects_in_sight(conn, asked, sight, after, limit)
    pairs = [(s, w) for s in subjects[:limit] for w in asked.windows]
    async with within(SECONDS_MAX):
        drafted = await _drafted(conn, known, definition, Asked(asked.kind, sight), pairs, asked.as_of)
        published = await _published(conn, known, key, asked, pairs, sight)
    seen = [Seen(a, b) for a, b in zip(drafted, published, strict=True)]
    alive = {s.draft.subject for s in seen if s.draft.facts or (s.published and s.published.facts)}
    shown = [s for s in seen if asked.subjects is not None or s.draft.subject in alive]
    return Preview(definition.unit, known.of(asked.windows[-1]).published.get(key), shown, next_cursor(subjects, limit))


async def _drafted(
    conn: Connection, known: Timeline, definition: Definition, here: Asked, pairs: Sequence[Pair], as_of: dt.date
) -> list[Answer]:
    """Over all windows by the one definition; what it stands on is what will hold on the window's last day."""
    beside = {window: known.coming.of(window).catalogue.having(definition) for _, window in pairs}
    terms = {window: term_of(definition, catalogue) for window, catalogue in beside.items()}
    return (await compute(conn, known.kept, here, {"": [(terms[pair[1]], pair) for pair in pairs]}, as_of))[""]


async def _published(
    conn: Connection, known: Timeline, key: str, asked: Question, pairs: Sequence[Pair], sight: Sight
) -> Sequence[Answer | None]:
    if key not in known.on(asked.as_of).published:
        return [None] * len(pairs)
    return await value(conn, known, key, asked.kind, pairs, asked.as_of, sight)
