"""A query route says what FastAPI's own says, of sound parameters and of unsound ones."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from chassis import app as chassis_app
from chassis.clock import SystemClock
from chassis.query_route import QueryRoute
from chassis.tokens import Caller, Verifier, requires

NOW = dt.datetime(2026, 3, 10, 15, 0, 0, 250, tzinfo=dt.UTC)


class Asked(BaseModel):
    """One parameter of each kind."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["rep", "team"]
    subject: Annotated[list[str] | None, Field(max_length=2)] = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    limit: Annotated[int, Field(ge=1, le=9)] = 5
    whole: bool = False


class Anyone(Verifier):
    """Takes every token for one of a caller who may do the one thing."""

    async def verify(self, authorization: str | None) -> Caller:
        return Caller("x", None, None, {"kpis.read": "all"} if authorization else {}, 2**40)


async def answer(
    request: Request,
    key: str,
    caller: Annotated[Caller, Depends(requires("kpis.read"))],
    query: Annotated[Asked, Query()],
) -> dict[str, Any]:
    return {"key": key, "scope": caller.scope("kpis.read"), "asked": list(query), "at": NOW, "none": None}


async def no_keys() -> Any:
    raise NotImplementedError


@pytest.fixture(scope="module")
def app() -> FastAPI:
    async def ready() -> None: ...

    app = chassis_app.create("x", "x", verifier=Anyone("x", no_keys, SystemClock()), clock=SystemClock(), ready=ready)
    for which, route in (("theirs", APIRoute), ("ours", QueryRoute)):
        router = APIRouter(route_class=route)
        router.get(f"/{which}/{{key}}", summary="x")(answer)
        app.include_router(router)
        if isinstance(ours := router.routes[0], QueryRoute):
            app.beside("GET", "/beside/{key}", ours.get_route_handler())
    return app


PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(["kind", "kind", "subject", "from", "limit", "whole", "since", "other"]),
        st.sampled_from(["rep", "a", "", "2026-03-01", "2026-13-01", "3", "0", "x y", "true", "é/ü"]),
    ),
    max_size=5,
)


@settings(max_examples=60)
@given(parameters=PARAMETERS, key=st.sampled_from(["a", "a%20b", "%C3%A9"]))
async def test_both_routes_say_the_same(app: FastAPI, parameters: list[tuple[str, str]], key: str) -> None:
    said = urlencode(parameters)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        for headers in ({"authorization": "Bearer x"}, {}):
            theirs = await http.get(f"/theirs/{key}?{said}", headers=headers)
            for which in ("ours", "beside"):
                ours = await http.get(f"/{which}/{key}?{said}", headers=headers)
                assert ours.status_code == theirs.status_code
                assert ours.headers["content-type"] == theirs.headers["content-type"]
                assert ours.json() | {"trace_id": ""} == theirs.json() | {"trace_id": ""}


def test_both_routes_are_described_alike(app: FastAPI) -> None:
    theirs, ours = [app.openapi()["paths"][f"/{which}/{{key}}"]["get"] for which in ("theirs", "ours")]
    assert ours["parameters"] == theirs["parameters"]
