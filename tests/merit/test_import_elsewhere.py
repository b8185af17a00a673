"""A wrong address, or a Merit that was killed, is told at once; one that goes away in the middle is waited for."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest

from merit.api import client
from merit.home import MeritError
from merit.importing.door import LOCAL, Door
from merit.importing.run import Import, Summary
from tests.merit.conftest import ORDERS, Desk

ROWS = "Id,Day,Rep,Sum\n1,2012-01-05,r1,10.50\n"


async def token(role: str) -> str:
    return role


async def run(
    desk: Desk, http: httpx.AsyncClient, reach_seconds_max: float = 8.0, installation: str = "elsewhere"
) -> Summary:
    file = desk.folder / "file.csv"
    file.write_text(ROWS)
    door = Door(http, token, installation, reach_seconds_max, retry_after_seconds=0.01)
    return await Import(file, desk.mapping(ORDERS), door, desk.folder / "journals", "run").run()


@pytest.mark.parametrize("installation", ["elsewhere", LOCAL])
async def test_nobody_at_the_address_is_told_at_once(desk: Desk, free_port: int, installation: str) -> None:
    async with asyncio.timeout(10), client(f"http://127.0.0.1:{free_port}") as http:
        with pytest.raises(MeritError, match=rf"^Nobody answers at http://127.0.0.1:{free_port}/?: .*\.$"):
            await run(desk, http, installation=installation)


async def test_an_address_that_takes_calls_and_says_nothing_is_told_soon(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with asyncio.timeout(10), client(f"http://127.0.0.1:{silent.getsockname()[1]}") as http:
            with pytest.raises(MeritError, match=r"^Nobody answers at .* within 0\.2 seconds\.$"):
                await run(desk, http, 0.2)


async def test_one_that_goes_away_after_that_is_waited_for(desk: Desk) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/livez":
            return httpx.Response(200)
        if len(asked) < 4:
            raise httpx.ConnectError("gone")
        return desk.door.answer(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://merit") as http:
        summary = await run(desk, http)

    assert summary.outcomes == {"crm.order.placed.v1": {"accepted": 1}}
    assert asked == ["/livez", *["/v1/events"] * 3]
