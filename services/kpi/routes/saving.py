"""What the routes of reports and leaderboards share: their words, and how a saved one is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Body, Header, Response

from services.kpi.domain.saved import Body as Shape
from services.kpi.domain.saved import Saved

IDEMPOTENCY = "the same request again, by this key, gives what it made the first time"
IfMatch = Annotated[str | None, Header(description="the ETag that was read; 412 if it has changed", max_length=100)]
Once = Annotated[str | None, Header(alias="Idempotency-Key", description=IDEMPOTENCY, min_length=1, max_length=200)]


def page(found: Sequence[Saved[Shape]], limit: int, name: str) -> dict[str, Any]:
    """A page out of one more than it holds; its cursor is the last id."""
    items = found[:limit]
    return {
        "items": [shown(one, name) for one in items],
        "next_cursor": items[-1].id if len(found) > limit else None,
    }


def shown(saved: Saved[Shape], name: str) -> dict[str, Any]:
    """A saved one; what stands under ``name`` can be sent again, to make a copy."""
    return {
        "id": saved.id,
        "shipped": saved.owner is None,
        "owner": saved.owner,
        "version": saved.version,
        "changed_at": saved.changed_at,
        name: msgspec.to_builtins(saved.body),
    }


def told(saved: Saved[Shape], name: str, status: int = 200) -> Response:
    """The answer with one, and its ETag."""
    headers = {"ETag": saved.etag} | ({"Location": f"/v1/{name}s/{saved.id}"} if status == 201 else {})
    return Response(msgspec.json.encode(shown(saved, name)), status, headers, "application/json")


def posted(example: dict[str, Any]) -> Any:
    """The body of a request, with an example for the API's own description."""
    return Body(examples=[example])
