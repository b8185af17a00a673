"""The quarantine over HTTP: list, correct, resubmit, discard, one or many, and who did what."""

from __future__ import annotations

import base64
import datetime as dt
import re
from dataclasses import fields
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Response
from msgspec import Raw

from chassis.problems import Fault, Problem, kebab
from chassis.request_headers import IfMatch
from chassis.tokens import Caller, requires
from services.ingest.domain.edits import Change, Wanted
from services.ingest.domain.entries import Edit, Entry
from services.ingest.handlers.edit import Edited, Editing, Editor
from services.ingest.handlers.quarantine import Place, Quarantine
from services.ingest.routes.quarantine_shapes import (
    BulkBody,
    BulkEdit,
    Discarding,
    EditedBody,
    EditPage,
    EditQuery,
    EntryBody,
    EntryPage,
    Patch,
    QuarantineQuery,
)

MERGE_PATCH = "application/merge-patch+json"
READ, WRITE, AUDIT = "quarantine.read", "quarantine.write", "audit.read"
Reader = Annotated[Caller, Depends(requires(READ))]
Writer = Annotated[Caller, Depends(requires(WRITE))]
Auditor = Annotated[Caller, Depends(requires(AUDIT))]


def router(quarantine: Quarantine, editing: Editing) -> APIRouter:
    """The routes over these use cases."""
    routes = APIRouter()
    _reading(routes, quarantine)
    _editing(routes, editing)
    return routes


def _reading(routes: APIRouter, quarantine: Quarantine) -> None:
    @routes.get("/v1/quarantine", summary="List what was not accepted, newest first", response_model=EntryPage)
    async def list_quarantine(caller: Reader, query: Annotated[QuarantineQuery, Query()]) -> Response:
        wanted = query.over(query.state, _visible_source(caller, READ))
        found, cursor = await quarantine.page(wanted, query.cursor, query.limit)
        return _json({"items": [_item(entry) for entry in found], "next_cursor": cursor})

    @routes.get("/v1/quarantine/{quarantine_id}", summary="One event that was not accepted", response_model=EntryBody)
    async def get_quarantined(caller: Reader, quarantine_id: str) -> Response:
        entry, history = await quarantine.one(quarantine_id, _visible_source(caller, READ))
        more = {
            "event": Raw(entry.event),
            "correction": None if entry.correction is None else Raw(entry.correction),
            "faults_as_sent": entry.faults_as_sent,
            "history": [_edit(edit) for edit in history],
        }
        return _json(_item(entry) | more, _etag(entry))

    @routes.get("/v1/audit/quarantine", summary="Who did what about the quarantine", response_model=EditPage)
    async def list_edits(caller: Auditor, query: Annotated[EditQuery, Query()]) -> Response:
        """Newest first. Who may see their own actions only sees those."""
        everybody = caller.scope(AUDIT) == "all"
        if not everybody and query.actor not in (None, caller.subject):
            return _json({"items": [], "next_cursor": None})
        actor = query.actor if everybody else caller.subject
        found, last = await quarantine.edits(actor, query.quarantine_id, _read_cursor(query.cursor), query.limit)
        return _json({"items": [_edit(edit) for edit in found], "next_cursor": _write_cursor(last)})


def _editing(routes: APIRouter, editing: Editing) -> None:
    @routes.patch("/v1/quarantine/{quarantine_id}", summary="Correct an event and submit it", response_model=EditedBody)
    async def correct_quarantined(
        caller: Writer,
        quarantine_id: str,
        patch: Annotated[Patch, Body(media_type=MERGE_PATCH)],
        if_match: IfMatch = None,
    ) -> Response:
        """The body is a JSON merge patch (RFC 7396) of the event as it stands. What is sound then is accepted and
        resolves the entry; else the entry keeps the correction, with the faults that are left. The event keeps its
        source, id, type, time and object, each unless that was the fault."""
        return await _edit_one(editing, caller, quarantine_id, if_match, Change(action="correct", patch=patch))

    @routes.post("/v1/quarantine/{quarantine_id}/resubmit", summary="Judge an event again", response_model=EditedBody)
    async def resubmit_quarantined(caller: Writer, quarantine_id: str, if_match: IfMatch = None) -> Response:
        """As it stands, by the rules of today: after a policy has changed, or when an edit was interrupted."""
        return await _edit_one(editing, caller, quarantine_id, if_match, Change(action="resubmit"))

    @routes.post("/v1/quarantine/{quarantine_id}/discard", summary="Give an event up", response_model=EditedBody)
    async def discard_quarantined(
        caller: Writer, quarantine_id: str, body: Discarding, if_match: IfMatch = None
    ) -> Response:
        """It stays here to be read, and never counts."""
        change = Change(action="discard", reason=body.reason)
        return await _edit_one(editing, caller, quarantine_id, if_match, change)

    @routes.post("/v1/quarantine/bulk", summary="Correct, resubmit or discard many", response_model=BulkBody)
    async def edit_quarantine(caller: Writer, body: BulkEdit) -> Response:
        """Each entry for itself: the answer says what became of each, and of a dry run what would."""
        by = Editor(caller.subject, _visible_source(caller, WRITE))
        wanted, cursor = body.wanted, None
        if body.filter is not None:
            wanted, cursor = await editing.matching(body.filter.over("open", by.visible_source), body.cursor or "")
        results, position = await editing.many(wanted, body.change, by, body.dry_run)
        items = [_bulk_item(one.quarantine_id, results[one.quarantine_id]) for one in wanted]
        return _json({"dry_run": body.dry_run, "position": position, "items": items, "next_cursor": cursor})


async def _edit_one(
    editing: Editing, caller: Caller, quarantine_id: str, if_match: str | None, change: Change
) -> Response:
    by = Editor(caller.subject, _visible_source(caller, WRITE))
    edited, position = await editing.one(Wanted(quarantine_id, _revision(if_match)), change, by)
    assert edited.entry
    return _json(_item(edited.entry) | {"result": edited.outcome, "position": position}, _etag(edited.entry))


def _visible_source(caller: Caller, permission: str) -> str | None:
    """None: every source. Raises Problem 403 for a scope that names no source."""
    scope = caller.scope(permission)
    if scope == "all":
        return None
    if scope == "source" and caller.source:
        return caller.source
    raise Problem(403, "permission-missing", f"this needs the permission {permission} for a source")


def _item(entry: Entry) -> dict[str, Any]:
    names = ("quarantine_id", "outcome", "state", "revision", "submitted", "source", "id", "type", "object_id")
    return {name: getattr(entry, name) for name in (*names, "received_at", "closed_at", "faults")}


def _edit(edit: Edit) -> dict[str, Any]:
    shown = {field.name: getattr(edit, field.name) for field in fields(edit)}
    patches = {name: shown[name] and Raw(shown[name]) for name in ("change", "undo")}
    return shown | patches


def _bulk_item(quarantine_id: str, edited: Edited) -> dict[str, Any]:
    entry, refusal = edited.entry, edited.refusal
    problem = refusal and {
        "code": kebab(type(refusal).__name__),
        "detail": str(refusal),
        "faults": getattr(refusal, "faults", []),
    }
    return {
        "quarantine_id": quarantine_id,
        "result": edited.outcome,
        "state": entry and entry.state,
        "revision": entry and entry.revision,
        "faults": entry.faults if entry else (),
        "problem": problem,
    }


def _etag(entry: Entry) -> dict[str, str]:
    return {"ETag": f'"{entry.revision}"'}


def _revision(if_match: str | None) -> int | None:
    """The revision that an If-Match header names; None for any, and 0, which none has, for what is no ETag of ours."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'\s*"([0-9]{1,9})"\s*', if_match)
    return int(found[1]) if found else 0


def _write_cursor(place: Place | None) -> str | None:
    return place and base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(text, type=tuple[dt.datetime, str, int])
    except (ValueError, msgspec.DecodeError) as error:
        fault = Fault("/cursor", "bad-cursor", "take next_cursor of the page before, unchanged")
        raise Problem(422, "not-valid", "the cursor is none of ours", [fault]) from error


def _json(content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), headers=headers, media_type="application/json")
