"""Merit as a business uses it: everything that a journey does or reads goes through the gateway's public API.

Each act is done with the role that is there for it; ``caught_up`` and ``eventually`` wait for what happens behind a
202.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import httpx

from merit.embedded import Running
from tests.journeys.plans import PLANS
from tests.oracle.adventureworks import Company
from tests.oracle.figures import Cell, Earning
from tests.oracle.periods import Window

BATCH = "application/cloudevents-batch+json"
ITEMS_MAX = 1000
PAGE = 200
TOKEN_SECONDS = 240.0
PATIENCE_SECONDS = 60.0
EVERYTHING = ("2000-01-01", "2030-01-01")


class Driver:
    """The API, in the words of the business."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.clients: dict[str, httpx.AsyncClient] = {}
        self.token_times: dict[str, float] = {}
        self.stack = AsyncExitStack()
        self.positions: dict[str, int] = {}

    async def __aenter__(self) -> Driver:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    async def as_role(self, role: str) -> httpx.AsyncClient:
        """A client with this role's token."""
        return await self._client(role=role)

    async def as_person(self, person: str) -> httpx.AsyncClient:
        """A client with this person's own token."""
        return await self._client(person=person)

    async def as_source(self, source: str) -> httpx.AsyncClient:
        """A client of a machine that sends the events of one source."""
        return await self._client(role="integration", source=source)

    async def _client(self, **who: str) -> httpx.AsyncClient:
        """One client for each who, with a token that has minutes to live yet."""
        name, now = str(who), asyncio.get_running_loop().time()
        if name not in self.clients:
            self.clients[name] = await self.stack.enter_async_context(self.running.client())
        if now - self.token_times.get(name, -TOKEN_SECONDS) >= TOKEN_SECONDS:
            self.clients[name].headers["authorization"] = f"Bearer {await self.running.token(**who)}"
            self.token_times[name] = now
        return self.clients[name]

    async def found(self, company: Company, plans: dict[str, dict[str, Any]] | None = None) -> None:
        """Tell Merit of a company: everything but its events."""
        await self.write("people", company.people)
        teams = sorted({m["of"] for m in company.memberships if m["kind"] == "team"})
        await self.write("teams", [{"team_id": team, "name": team} for team in teams])
        await self.write("memberships", company.memberships)
        await self.write("targets", company.targets)
        await self.write("payee-parameters", company.parameters)
        for key, plan in (PLANS if plans is None else plans).items():
            answer = await (await self.as_role("compensation")).put(f"/v1/plans/{key}", json=plan)
            assert answer.is_success, answer.text

    async def define(self, key: str, body: dict[str, Any]) -> None:
        """Publish a KPI, and wait until it holds."""
        whole = {"label": {"en": key}, "direction": "up"} | body
        client = await self.as_role("analyst")
        answer = await client.put(f"/v1/kpis/{key}", json=whole)
        assert answer.is_success, f"{key}: {answer.text}"
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (version := answer.json())["status"] in ("waiting", "building"):
            assert asyncio.get_running_loop().time() < deadline, answer.text
            await asyncio.sleep(0.2)
            answer = await client.get(f"/v1/kpis/{key}/versions/{version['version']}")

    async def write(self, resource: str, items: list[dict[str, Any]]) -> None:
        """Send a bulk resource."""
        role = "admin" if resource in ("people", "teams", "memberships") else "compensation"
        client = await self.as_role(role)
        for start in range(0, len(items), ITEMS_MAX):
            answer = await client.post(f"/v1/{resource}", json={"items": items[start : start + ITEMS_MAX]})
            assert answer.is_success, f"{resource}: {answer.text}"

    async def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Send one batch; the answer's body, after checking that nothing was refused."""
        client = await self.as_role("integration")
        answer = await client.post("/v1/events", json=list(events), headers={"content-type": BATCH})
        assert answer.status_code == 202, answer.text
        body: dict[str, Any] = answer.json()
        assert body["quarantined"] == 0, [r for r in body["results"] if r["outcome"] == "quarantined"]
        self.reached(body["position"])
        return body

    def reached(self, position: str) -> None:
        """Remember a position of something sent: ``caught_up`` waits for the furthest of each part of the log."""
        for part in filter(None, position.split("~")):
            place, _, offset = part.rpartition(".")
            self.positions[place] = max(self.positions.get(place, 0), int(offset))

    @property
    def position(self) -> str:
        """Where everything sent so far ends."""
        return "~".join(f"{place}.{offset}" for place, offset in sorted(self.positions.items()))

    async def caught_up(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until kpi and incentive have counted everything sent so far, so long at most for each."""
        window = {"from": EVERYTHING[0], "to": EVERYTHING[1], "limit": "1"}
        for path in ("/v1/kpis/sales_amount/values", "/v1/earnings"):
            query = {"after": self.position, "limit": "1"} | (
                window | {"subject_kind": "company"} if path.endswith("values") else {}
            )
            await self._until_counted(path, query, seconds)

    async def _until_counted(self, path: str, query: dict[str, str], seconds: float) -> None:
        client = await self.as_role("auditor")
        deadline = asyncio.get_running_loop().time() + seconds
        while (answer := await client.get(path, params=query)).status_code == 503:
            assert asyncio.get_running_loop().time() < deadline, answer.text
        assert answer.status_code == 200, answer.text

    async def items(self, path: str, client: httpx.AsyncClient | None = None, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        client = client or await self.as_role("auditor")
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = query | {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            answer = await client.get(path, params=page)
            assert answer.status_code == 200, f"{path} {page}: {answer.text}"
            found += answer.json()["items"]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return found

    async def values(
        self, kpi: str, kind: str, window: Window, grain: str | None, **query: Any
    ) -> dict[Cell, str | None]:
        """A KPI's values for all subjects of a kind, over a window or its periods."""
        asked = {"subject_kind": kind, "from": str(window[0]), "to": str(window[1])} | (
            {"grain": grain} if grain else {}
        )
        return cells(await self.items(f"/v1/kpis/{kpi}/values", **asked, **query))

    async def trailing(self, kpi: str, kind: str, days: int, as_of: dt.date) -> dict[Cell, str | None]:
        """A KPI's values over the trailing days."""
        asked = {"subject_kind": kind, "trailing_days": days, "as_of": str(as_of)}
        return cells(await self.items(f"/v1/kpis/{kpi}/values", **asked))

    async def earnings(self, client: httpx.AsyncClient | None = None, **query: Any) -> dict[Earning, str]:
        """The net of each payee, plan, component and window, as the ledger has it; what nets to zero is left out."""
        return {
            (i["payee_id"], i["plan"], i["component"], window_of(i)): i["amount"]
            for i in await self.items("/v1/earnings", client, **query)
            if i["amount"] != "0.00"
        }

    async def earned_by_order(self, client: httpx.AsyncClient | None = None, **query: Any) -> dict[Any, str]:
        """The lines, summed per order; the award of a window as a whole has no order."""
        sums: dict[tuple[Earning, str | None], Decimal] = {}
        for line in await self.items("/v1/earnings/lines", client, **query):
            earning = line["payee_id"], line["plan"], line["component"], window_of(line)
            order = line["credit"]["order_id"] if line["credit"] else None
            sums[earning, order] = sums.get((earning, order), Decimal(0)) + Decimal(line["amount"])
        return {key: str(amount) for key, amount in sums.items() if amount}

    async def ledger_nets(self) -> dict[str, Decimal]:
        """Per currency the sum over all classes of accounts, as the classes say; the ledger's own totals must agree."""
        answer = await (await self.as_role("auditor")).get("/v1/ledger/balance")
        assert answer.status_code == 200, answer.text
        sums: dict[str, Decimal] = {}
        for item in answer.json()["items"]:
            sums[item["currency"]] = sums.get(item["currency"], Decimal(0)) + Decimal(item["net"])
        assert sums == {total["currency"]: Decimal(total["net"]) for total in answer.json()["totals"]}
        return sums


def cells(items: list[dict[str, Any]]) -> dict[Cell, str | None]:
    """The values of an answer by subject and window; no cell may come twice."""
    found = {(i["subject"], (day(i["from"]), day(i["to"]))): i["value"] for i in items}
    assert len(found) == len(items), "a cell came twice"
    return found


def window_of(item: dict[str, Any]) -> Window:
    """The measurement window of an earning or a line."""
    return day(item["window_from"]), day(item["window_to"])


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


async def eventually(differences: Callable[[], Awaitable[list[str]]], seconds: float = PATIENCE_SECONDS / 2) -> None:
    """Wait until there is no difference any more; what is left at the deadline fails, in words."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (left := await differences()) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.5)
    assert not left, "\n".join([f"{len(left)} differences", *left[:20]])
