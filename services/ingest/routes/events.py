"""``POST /v1/events``: the body is read under a limit and a deadline, and each event in it decoded once."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from chassis.problems import Fault, Problem
from chassis.tokens import Caller, requires
from services.ingest.domain.outcomes import OUTCOMES
from services.ingest.handlers.accept import Intake, NotValid, Receipt, Result
from services.ingest.translate import check_media, prefers_strict, read

PATH = "/v1/events"
PERMISSION = "events.send"
BODY_BYTES_MAX = 8 * 1024 * 1024
RECEIPT_SECONDS_MAX = 30.0
"""A body that drips in for longer than this is given up."""
_STRICT = {"Preference-Applied": "handling=strict"}


class Events:
    """What answers the route."""

    def __init__(self, intake: Intake, receipt_seconds: float = RECEIPT_SECONDS_MAX) -> None:
        self.intake, self.receipt_seconds = intake, receipt_seconds
        self._caller = requires(PERMISSION)

    async def answer(self, request: Request) -> Response:
        """202 with what became of each event. Raises Problem, and what ``services.ingest.routes`` gives a status."""
        caller = await self._caller(request)
        headers = request.scope["headers"]
        kind, strict = check_media(headers), prefers_strict(headers)
        sent = read(kind, headers, await _body(request, self.receipt_seconds))
        try:
            receipt = await self.intake.take(sent, caller.subject, strict=strict, only_source=_only_source(caller))
        except NotValid as error:
            faults = [Fault(fault.pointer, fault.code, fault.detail) for fault in error.faults]
            raise Problem(422, "not-valid", str(error), faults, _STRICT) from error
        content = msgspec.json.encode(_shown(receipt))
        return Response(content, 202, _STRICT if strict else None, "application/json")


async def _body(request: Request, seconds_max: float) -> bytes:
    """The whole body. Raises Problem 413 as soon as it is over the limit, announced or not, 408 at the deadline, and
    400, which nobody reads, when the client went away."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > BODY_BYTES_MAX:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds_max):
            async for chunk in request.stream():
                size += len(chunk)
                if size > BODY_BYTES_MAX:
                    raise _too_large()
                chunks.append(chunk)
    except ClientDisconnect as error:
        raise Problem(400, "broken-off", "the connection ended before the body did") from error
    except TimeoutError as error:
        raise Problem(408, "receipt-timeout", f"the body took over {seconds_max:g} seconds") from error
    return b"".join(chunks)


def _too_large() -> Problem:
    return Problem(413, "body-too-large", f"a body has at most {BODY_BYTES_MAX} bytes; send the events in parts")


def _only_source(caller: Caller) -> str | None:
    """None: events of every source. A narrow scope without a source of its own may send nothing."""
    scope = caller.scope(PERMISSION)
    if scope == "all":
        return None
    if scope == "source" and caller.source:
        return caller.source
    raise Problem(403, "permission-missing", f"this needs the permission {PERMISSION} for a source")


def _shown(receipt: Receipt) -> dict[str, Any]:
    outcomes = [result.outcome for result in receipt.results]
    return {
        "position": receipt.position,
        **{outcome: outcomes.count(outcome) for outcome in OUTCOMES},
        "results": [_shown_result(index, result) for index, result in enumerate(receipt.results)],
    }


def _shown_result(index: int, result: Result) -> dict[str, Any]:
    event = result.event
    shown: dict[str, Any] = {"index": index, "source": event.source, "id": event.id, "outcome": result.outcome}
    if result.quarantine_id is not None:
        shown["quarantine_id"] = result.quarantine_id
    if result.outcome == "quarantined":
        shown["faults"] = event.faults
    return shown
