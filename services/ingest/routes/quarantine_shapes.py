"""The queries and bodies of the quarantine's routes, as the OpenAPI document shows them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.ingest.domain.edits import Change, Wanted
from services.ingest.domain.entries import EntryFilter
from services.ingest.handlers.edit import ENTRIES_MAX
from services.ingest.routes.catalogue_shapes import POINTER_CHARACTERS_MAX
from services.ingest.routes.shapes import PAGE_ITEMS, PAGE_ITEMS_MAX, FaultBody, Text

REASON_CHARACTERS_MAX = 500
REVISION_MAX = 1_000_000_000
Outcome = Literal["quarantined", "conflict"]
State = Literal["open", "resolved", "discarded"]
Reason = Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX, pattern=r"^[^\x00]*$")]
Place = Annotated[str, Field(min_length=2, max_length=POINTER_CHARACTERS_MAX, pattern=r"^/[^\x00]*$")]
Limit = Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX)]
Patch = Annotated[dict[str, Any], Field(examples=[{"data": {"currency": "USD"}}])]


class Filter(BaseModel):
    """Which entries; what is left out means any. ``pointer`` takes faults at this place and below it.

    ``code`` and ``pointer`` together mean one and the same fault. ``received_to`` is not included.
    """

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome | None = None
    source: Text | None = None
    id: Text | None = None
    type: Text | None = None
    object_id: Text | None = None
    code: Annotated[Text | None, Field(examples=["unknown-currency"])] = None
    pointer: Annotated[Place | None, Field(examples=["/data/currency"])] = None
    received_from: AwareDatetime | None = None
    received_to: AwareDatetime | None = None

    def over(self, state: State | None, visible_source: str | None) -> EntryFilter:
        """The same as the domain says it, for entries in a state that the caller sees."""
        named = {name: getattr(self, name) for name in Filter.model_fields}
        return EntryFilter(**named, state=state, visible_source=visible_source)


class QuarantineQuery(Filter):
    """A page of entries."""

    state: State | None = None
    cursor: Text | None = None
    limit: Limit = PAGE_ITEMS


class EditQuery(BaseModel):
    """A page of what was done."""

    model_config = ConfigDict(extra="forbid")

    actor: Text | None = None
    quarantine_id: Text | None = None
    cursor: Text | None = None
    limit: Limit = PAGE_ITEMS


class Discarding(BaseModel):
    """Why an entry is not worth correcting."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class EntryWanted(BaseModel):
    """An entry; with a ``revision`` it is edited only while it is at this one."""

    model_config = ConfigDict(extra="forbid")

    quarantine_id: Text
    revision: Annotated[int, Field(ge=1, le=REVISION_MAX)] | None = None


class BulkEdit(BaseModel):
    """The same edit for many entries: those named, or the oldest open ones that a filter finds behind ``cursor``."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["correct", "resubmit", "discard"]
    dry_run: Annotated[bool, Field(description="true: say what would become of each, and change nothing")]
    entries: Annotated[list[EntryWanted], Field(min_length=1, max_length=ENTRIES_MAX)] | None = None
    filter: Filter | None = None
    cursor: Text | None = None
    patch: Annotated[Patch | None, Field(description="to correct: a JSON merge patch (RFC 7396) of each event")] = None
    reason: Annotated[Reason | None, Field(description="required to discard")] = None

    @model_validator(mode="after")
    def _makes_sense(self) -> BulkEdit:
        if (self.entries is None) == (self.filter is None):
            raise ValueError("say either entries or a filter")
        if self.cursor is not None and self.filter is None:
            raise ValueError("a cursor goes with a filter")
        if (self.patch is not None) != (self.action == "correct"):
            raise ValueError("a patch is there to correct, and only then")
        if self.action == "discard" and self.reason is None:
            raise ValueError("to discard takes a reason")
        if len({entry.quarantine_id for entry in self.entries or ()}) != len(self.entries or ()):
            raise ValueError("an entry is named twice")
        return self

    @property
    def change(self) -> Change:
        return Change(action=self.action, patch=self.patch, reason=self.reason)

    @property
    def wanted(self) -> list[Wanted]:
        return [Wanted(entry.quarantine_id, entry.revision) for entry in self.entries or ()]


class EntryItem(BaseModel):
    """An event that was not accepted. ``faults`` are those of today's event; a conflict has none.

    ``submitted``: an edit was interrupted while the event was put on the log; resubmitting is safe and settles it.
    """

    quarantine_id: str
    outcome: Outcome
    state: State
    revision: int
    submitted: bool
    source: str
    id: str
    type: str
    object_id: str | None
    received_at: dt.datetime
    closed_at: dt.datetime | None
    faults: list[FaultBody]


class EditBody(BaseModel):
    """What somebody did. ``change`` and ``undo`` are merge patches; ``place`` is where the event lies on the log."""

    quarantine_id: str
    revision: int
    at: dt.datetime
    actor: str
    action: Literal["corrected", "resubmitted", "discarded", "appended", "superseded"]
    outcome: Literal["accepted", "duplicate", "quarantined", "conflict"] | None
    state: State
    reason: str | None
    change: dict[str, Any] | None
    undo: dict[str, Any] | None
    faults_before: list[FaultBody]
    faults_after: list[FaultBody]
    place: str | None


class EntryBody(EntryItem):
    """With the event as it was sent, its correction (null: none yet), and everything that was done about it."""

    event: dict[str, Any]
    correction: dict[str, Any] | None
    faults_as_sent: list[FaultBody]
    history: list[EditBody]


class EditedBody(EntryItem):
    """The entry after an edit; ``result`` is what its event was judged, ``position`` goes into ``after=``."""

    result: Literal["accepted", "duplicate", "quarantined", "conflict", "discarded"]
    position: str


class EntryPage(BaseModel):
    """Newest first; ``next_cursor`` is null on the last page."""

    items: list[EntryItem]
    next_cursor: str | None


class EditPage(BaseModel):
    """Newest first; ``next_cursor`` is null on the last page."""

    items: list[EditBody]
    next_cursor: str | None


class BulkProblem(BaseModel):
    """Why nothing was done about an entry: the last part of a problem's ``type``, and words for people."""

    code: str
    detail: str
    faults: list[FaultBody]


class BulkItem(BaseModel):
    """What became, or would become, of an entry: a result, or a problem."""

    quarantine_id: str
    result: Literal["accepted", "duplicate", "quarantined", "conflict", "discarded"] | None
    state: State | None
    revision: int | None
    faults: list[FaultBody]
    problem: BulkProblem | None


class BulkBody(BaseModel):
    """An outcome for each entry; ``next_cursor``: where the filter goes on (null: these were all)."""

    dry_run: bool
    position: str
    items: list[BulkItem]
    next_cursor: str | None
