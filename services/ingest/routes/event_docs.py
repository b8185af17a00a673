"""What the OpenAPI document says of ``POST /v1/events``, which FastAPI cannot see because it is plain ASGI."""

from __future__ import annotations

from typing import Any

from contracts.envelope import BATCH, STRUCTURED
from contracts.json_schema import envelope_schema
from services.ingest.domain.outcomes import OUTCOMES
from services.ingest.handlers.fresh import FRESH_SECONDS
from services.ingest.routes.events import BODY_BYTES_MAX
from services.ingest.translate import EVENTS_MAX

DATA: dict[str, Any] = {
    "order_id": "43659",
    "amount": "20565.6206",
    "currency": "USD",
    "credits": [{"rep_id": "279", "share": "1"}],
    "customer_id": "29825",
    "territory": "5",
}
EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "43659-1",
    "source": "crm.example.com",
    "type": "crm.order.placed.v1",
    "time": "2011-05-31T00:00:00Z",
    "data": DATA,
}
_FAULT = {
    "type": "object",
    "required": ["pointer", "code", "detail"],
    "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
}
_RESULT = {
    "type": "object",
    "required": ["index", "source", "id", "outcome"],
    "properties": {
        "index": {"type": "integer"},
        "source": {"type": "string"},
        "id": {"type": "string"},
        "outcome": {"enum": list(OUTCOMES)},
        "quarantine_id": {"type": "string"},
        "faults": {"type": "array", "items": _FAULT},
    },
}
RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["position", *OUTCOMES, "results"],
    "properties": {
        "position": {"type": "string", "description": "give it as `after=` to read your own writes"},
        **{outcome: {"type": "integer", "minimum": 0} for outcome in OUTCOMES},
        "results": {"type": "array", "items": _RESULT},
    },
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {"type": "array", "items": _FAULT},
    },
}
_REFUSALS = {
    "400": "Not JSON, or not CloudEvents 1.0: a pointer per fault. Nothing was stored.",
    "401": "No valid access token.",
    "403": "The caller may not send events.",
    "408": "The body took too long.",
    "413": f"Over {BODY_BYTES_MAX} bytes, over {EVENTS_MAX} events, or nested too deep. Nothing was stored.",
    "415": "A content type or an encoding that is not taken.",
    "422": "`Prefer: handling=strict`, and an event has a fault. Nothing was stored.",
    "507": "The quarantine has no room for an event that has a fault: which ones is said. Nothing was stored.",
    "503": "The log or the database is down: send it all again after `Retry-After` seconds.",
}
DESCRIPTION = f"""Send events as CloudEvents 1.0, in structured, batch (at most {EVENTS_MAX}) or binary mode.

A 202 means durable: each event is `accepted`, a `duplicate` of an accepted one, `quarantined` (its faults are listed;
it is kept) or a `conflict` (another event has its source and id; it is kept, never applied). Sending again is always
safe. A required-fields policy and a custom field are in force everywhere within {FRESH_SECONDS:.0f} second.
"""
_CE_HEADERS = ("specversion", "id", "source", "type", "time", "subject")


def operation() -> dict[str, Any]:
    """The operation object of the path item."""
    event = {key: value for key, value in envelope_schema().items() if key != "$schema"}
    return {
        "summary": "Send events",
        "description": DESCRIPTION,
        "operationId": "send_events",
        "parameters": [
            _header("Prefer", "`handling=strict`: all or nothing, a fault is a 422"),
            *(_header(f"ce-{name}", f"binary mode: the attribute `{name}`, percent-encoded") for name in _CE_HEADERS),
        ],
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": event, "example": EXAMPLE},
                BATCH: {"schema": {"type": "array", "maxItems": EVENTS_MAX, "items": event}, "example": [EXAMPLE]},
                "application/json": {"schema": {}, "example": DATA},
            },
        },
        "responses": {
            "202": {"description": "Durable.", "content": {"application/json": {"schema": RECEIPT}}},
            **{status: _refusal(description) for status, description in _REFUSALS.items()},
        },
    }


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": PROBLEM}}}
