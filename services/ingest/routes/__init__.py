"""HTTP → use case → HTTP."""

from __future__ import annotations

from services.ingest.domain.corrections import CorrectionNotValid
from services.ingest.domain.edits import EntryChanged, EntryClosed, EntrySubmitted, TooManyEdits, UnknownEntry
from services.ingest.domain.faults import NotAnEvent
from services.ingest.domain.text import TooDeep
from services.ingest.handlers.accept import ForeignSource
from services.ingest.handlers.custom_fields import DeclarationChanged, DeclarationNotValid, UnknownCustomField
from services.ingest.handlers.policies import PolicyChanged, PolicyNotValid, UnknownEventType
from services.ingest.handlers.room import QuarantineFull
from services.ingest.translate import EventTooLarge, TooManyEvents, UnsupportedMediaType

ERROR_STATUS: dict[type[Exception], int] = {
    NotAnEvent: 400,
    ForeignSource: 403,
    UnknownEntry: 404,
    UnknownEventType: 404,
    UnknownCustomField: 404,
    EntryClosed: 409,
    EntrySubmitted: 409,
    TooManyEdits: 409,
    DeclarationChanged: 412,
    EntryChanged: 412,
    PolicyChanged: 412,
    EventTooLarge: 413,
    TooManyEvents: 413,
    TooDeep: 413,
    UnsupportedMediaType: 415,
    DeclarationNotValid: 422,
    CorrectionNotValid: 422,
    PolicyNotValid: 422,
    QuarantineFull: 507,
}
