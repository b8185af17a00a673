"""The shipped sample through the public API: imported once, found by the table, amended by one changed amount."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from rich.console import Console

from chassis.clock import SystemClock
from merit import embedded, findings, sample_import, samples
from merit.api import Api
from merit.home import Home, Installation
from merit.importing import mapping
from merit.importing.door import Door
from merit.importing.run import Import, Summary
from merit.verify import verify
from tests.conftest import NewDatabase

SAMPLE = samples.ADVENTUREWORKS


class Shop:
    """A Merit with the sample in it."""

    def __init__(self, running: embedded.Running, http: httpx.AsyncClient, home: Home) -> None:
        self.running, self.http, self.home, self.position = running, http, home, ""
        self.api = Api(http, lambda role: running.token(role=role))
        self.console = Console(file=io.StringIO())

    async def bring(self) -> str:
        chosen = self.running.installation
        return await sample_import.bring(self.api, self.home, chosen, SAMPLE, SystemClock(), self.console)

    async def orders(self, file: Path) -> Summary:
        """Import a file of orders."""
        with samples.folder(SAMPLE) as folder:
            checked = mapping.load(folder / "orders.yaml")
        return await Import(file, checked, Door(self.http, self.api.token), self.home.imports, "again").run()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    home = Home.at(tmp_path_factory.mktemp("shop"))
    async with embedded.running(admin_dsn=await new_database()) as running, running.client() as http:
        shop = Shop(running, http, home)
        shop.position = await shop.bring()
        yield shop


async def test_the_table_says_what_the_source_says(shop: Shop) -> None:
    found = await findings.find(shop.api, "USD", shop.position)

    assert found is not None
    assert (found.quarter, found.window) == ("2013-Q1", "2013-02-28 to 2013-05-30")
    jae = next(line for line in found.lines if line.name == "Jae Pak")
    assert jae.pay["commission"] == Decimal("20933.07")
    assert jae.attainment == Decimal("0.818337")
    assert found.sharpest_drop is not None
    assert found.sharpest_drop.name == "Stephen Jiang"
    assert set(found.components) == {"commission", "bonus", "accelerated"}
    screen = Console(width=80, file=io.StringIO())
    with screen.capture() as captured:
        screen.print(found.table())
    for line in (
        "Sales and growth in 2013-Q1\n",
        "Attainment and pay for the quota 2013-02-28 to 2013-05-30 (USD)\n",
        "Accelerated commission: accelerated\n",
        "Commission and quota bonus: commission, bonus\n",
    ):
        assert line in re.sub(" +\n", "\n", captured.get()), "a line that does not break in the middle"


async def test_what_is_there_is_not_imported_again(shop: Shop) -> None:
    assert await shop.bring() == ""


async def test_the_home_remembers_its_sample(shop: Shop, tmp_path: Path) -> None:
    chosen = shop.running.installation

    async def choose(home: Home, asked: str | None = None) -> samples.Sample | None:
        return await sample_import.choose(shop.api, home, chosen, asked, shop.console)

    assert await choose(shop.home) == SAMPLE
    assert await shop.bring() == "", "asking does not make it be imported again"
    (without := Home.at(tmp_path / "without")).folder.mkdir()
    assert await choose(without, "none") is None
    assert await choose(without) is None
    assert await choose(without, "adventureworks") == SAMPLE
    assert await choose(without) == SAMPLE
    (older := Home.at(tmp_path / "older")).folder.mkdir()
    assert await choose(older) == SAMPLE, "the sample's people are there"


@pytest.mark.parametrize(("people", "kept"), [(["ada"], "none"), (["ada", "274"], SAMPLE.name), ([], SAMPLE.name)])
async def test_a_home_that_remembers_nothing_is_known_by_its_people(
    people: list[str], kept: str, tmp_path: Path
) -> None:
    async def token(role: str) -> str:
        return role

    answer = httpx.Response(200, json={"items": [{"person_id": person} for person in people]})
    transport = httpx.MockTransport(lambda request: answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://merit") as http:
        home, console = Home.at(tmp_path), Console(file=io.StringIO())
        await sample_import.choose(Api(http, token), home, Installation("UTC", "USD"), None, console)
    assert (tmp_path / "sample").read_text() == kept


async def test_plans_that_name_a_component_alike_and_windows_in_a_window_add_up() -> None:
    def earned(plan: str, since: str, amount: str, currency: str = "USD") -> dict[str, str]:
        window = {"window_from": since, "currency": currency, "amount": amount}
        return {"payee_id": "p", "plan": plan, "component": "bonus"} | window

    quarter = {"kpi": "sales_amount", "subject_kind": "rep", "subject": "p", "from": "2013-01-01", "to": "2013-04-01"}
    first = {"from": "2013-03-01", "value": "1"}
    answers: dict[str, list[dict[str, Any]]] = {
        "/v1/kpis/order_count/values": [first, {"from": "2013-03-31", "value": "1"}],
        "/v1/targets/attainment": [quarter | {"attainment": "1"}],
        "/v1/plans": [
            {"key": "a", "plan": {"components": [{"key": "bonus"}, {"key": "base"}]}},
            {"key": "b", "plan": {"components": [{"key": "bonus"}]}},
        ],
        "/v1/earnings": [
            earned("a", "2013-01-01", "1.10"),
            earned("a", "2013-02-01", "2.20"),
            earned("b", "2013-01-01", "4.00"),
            earned("b", "2013-01-01", "8.00", "EUR"),
            earned("b", "2013-01-01", "1234.005", "KWD"),
            earned("b", "2013-01-01", "900", "JPY"),
        ],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": answers.get(request.url.path, [])})

    async def token(role: str) -> str:
        return role

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://merit") as http:
        found = await findings.find(Api(http, token), "USD")
    assert found is not None
    assert list(found.components) == [
        "bonus (a)",
        "base",
        "bonus (b)",
        *(f"bonus (b) {c}" for c in ("EUR", "JPY", "KWD")),
    ]
    assert found.lines[0].pay == {
        "bonus (a)": Decimal("3.30"),
        "bonus (b)": Decimal(4),
        "bonus (b) EUR": Decimal(8),
        "bonus (b) JPY": Decimal(900),
        "bonus (b) KWD": Decimal("1234.005"),
    }
    shown = [next(iter(column.cells)) for column in found.table().columns[4:]]
    assert shown == ["3.30", "0.00", "4.00", "8.00", "900", "1,234.005"], "each with its currency's digits"


async def test_importing_again_changes_nothing_and_one_changed_amount_is_one_event(shop: Shop, tmp_path: Path) -> None:
    with samples.folder(SAMPLE) as folder:
        text = (folder / "SalesOrderHeader.csv").read_text()
    file = tmp_path / "orders.csv"
    file.write_text(text)
    same = await shop.orders(file)
    assert same.outcomes == {"crm.order.placed.v1": {"duplicate": 7422}}

    file.write_text(text.replace(",1294.2529,", ",1300.2529,", 1))
    changed = await shop.orders(file)
    assert changed.outcomes == {"crm.order.placed.v1": {"duplicate": 7421}, "crm.order.amended.v1": {"accepted": 1}}
    query = {"subject_kind": "company", "period": "2011-05", "after": changed.position}
    after = (await shop.api.get("analyst", "/v1/kpis/sales_amount/values", query))["items"][0]["value"]
    file.write_text(text)
    back = await shop.orders(file)
    query["after"] = back.position
    before = (await shop.api.get("analyst", "/v1/kpis/sales_amount/values", query))["items"][0]["value"]
    assert Decimal(after) - Decimal(before) == 6


async def test_every_promise_holds(shop: Shop) -> None:
    checks = await verify(shop.api)
    assert len(checks) >= 8
    assert [str(check) for check in checks if not check.ok] == []
