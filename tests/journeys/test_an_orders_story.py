"""One order from its placing to its cancelling, as the rep, the CRM and the auditor live through it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver, eventually
from tests.journeys.plans import PLANS
from tests.oracle.adventureworks import Company, membership

RATE, QUOTA, BONUS = "0.10", "1000", "75"
MARCH = {"period": "2024-03"}
SPRING = dt.date(2024, 3, 1), dt.date(2024, 6, 1)
APRIL = {"period": "2024-04"}
COMPANY = Company(
    zone="Europe/Berlin",
    events=[],
    people=[
        {"person_id": "ann", "name": "Ann", "roles": ["rep"]},
        {"person_id": "bob", "name": "Bob", "roles": ["rep"]},
        {"person_id": "mia", "name": "Mia", "roles": ["manager"]},
    ],
    memberships=[membership(person, "manager", "mia", "2024-01-01") for person in ("ann", "bob")],
    targets=[
        {"kpi": "sales_amount", "subject_kind": "rep", "subject": person, "value": QUOTA, "currency": "USD"}
        | {"from": "2024-01-01", "to": "2024-07-01"}
        for person in ("ann", "bob")
    ],
    parameters=[
        {"payee_id": person, "name": name, "value": value, "valid_from": "2024-01-01", "valid_to": None}
        for person in ("ann", "bob")
        for name, value in (("commission_rate", RATE), ("bonus", BONUS))
    ],
)


class Crm:
    """The CRM that sends what happens to the order 4711."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    async def tells(self, kind: str, id: str, day: str, **data: Any) -> None:
        """Send one event, and wait until it is counted."""
        event = {"specversion": "1.0", "id": id, "source": "/crm", "type": f"crm.order.{kind}.v1"}
        event |= {"time": f"{day}T10:00:00+01:00", "data": {"order_id": "4711"} | data}
        answer = await self.driver.send(event)
        assert [result["outcome"] for result in answer["results"]] == ["accepted"]
        await self.driver.caught_up()

    async def places(self, amount: str) -> None:
        await self.tells("placed", "1", "2024-03-05", **self.order(amount))

    async def amends(self, amount: str, *reps: str) -> None:
        await self.tells("amended", "2", "2024-03-06", **self.order(amount, *reps))

    async def refunds(self, amount: str) -> None:
        await self.tells("refunded", "3", "2024-04-10", amount=amount, refund_id="r1")

    async def cancels(self) -> None:
        await self.tells("cancelled", "4", "2024-05-02", reason="fell through")

    def order(self, amount: str, *reps: str) -> dict[str, Any]:
        credits = [{"rep_id": rep, "share": "0.5" if len(reps) == 2 else "1"} for rep in reps or ("ann",)]
        return {"amount": amount, "currency": "USD", "credits": credits, "customer_id": "acme", "territory": "north"}


class Rep:
    """A rep who looks at their own numbers."""

    def __init__(self, driver: Driver, name: str) -> None:
        self.driver, self.name = driver, name

    async def sales(self, period: dict[str, str]) -> str | None:
        return await self.kpi("sales_amount", period)

    async def orders(self, period: dict[str, str]) -> str | None:
        return await self.kpi("order_count", period)

    async def kpi(self, kpi: str, period: dict[str, str]) -> str | None:
        client = await self.driver.as_person(self.name)
        query = {"subject_kind": "rep", "subject": self.name, "after": self.driver.position} | period
        answer = await client.get(f"/v1/kpis/{kpi}/values", params=query)
        assert answer.status_code == 200, answer.text
        (cell,) = answer.json()["items"]
        value: str | None = cell["value"]
        return value

    async def lines(self, plan: str = "standard") -> list[dict[str, Any]]:
        client = await self.driver.as_person(self.name)
        return await self.driver.items("/v1/earnings/lines", client, plan=plan, after=self.driver.position)

    async def pay(self, plan: str = "standard") -> dict[str, str]:
        """What each component pays, as far as it is not zero."""
        lines = await self.lines(plan)
        return {line["component"]: line["amount"] for line in lines if line["amount"] != "0.00"}

    async def trace(self, line: dict[str, Any]) -> dict[str, Any]:
        client = await self.driver.as_person(self.name)
        answer = await client.get(f"/v1/earnings/lines/{line['line_id']}/trace")
        assert answer.status_code == 200, answer.text
        trace: dict[str, Any] = answer.json()
        return trace


@pytest.fixture
async def merit(open_merit: OpenMerit) -> AsyncIterator[Driver]:
    async with open_merit("Europe/Berlin") as driver:
        await driver.found(COMPANY)
        yield driver


async def test_an_order_is_placed_split_refunded_and_cancelled(merit: Driver) -> None:
    crm, ann, bob = Crm(merit), Rep(merit, "ann"), Rep(merit, "bob")

    await crm.places("1200")
    assert (await ann.sales(MARCH), await ann.orders(MARCH)) == ("1200", "1")
    assert await ann.pay() == {"commission": "120.00", "bonus": "75.00"}
    assert await ann.pay("accelerator") == {"accelerated": "130.00"}

    await crm.amends("1000.005", "ann", "bob")
    assert (await ann.sales(MARCH), await bob.sales(MARCH)) == ("500.0025", "500.0025")
    assert (await ann.orders(MARCH), await bob.orders(MARCH)) == ("1", "1")
    assert (await ann.pay(), await bob.pay()) == ({"commission": "50.00"}, {"commission": "50.00"})

    await crm.refunds("400")
    assert (await ann.sales(MARCH), await ann.sales(APRIL)) == ("500.0025", "-200")
    assert (await ann.orders(MARCH), await ann.orders(APRIL)) == ("1", "0")
    assert await ann.pay() == {"commission": "30.00"}

    await crm.cancels()
    assert (await ann.sales(MARCH), await ann.sales(APRIL), await ann.orders(MARCH)) == ("0", "0", "0")
    assert (await ann.pay(), await bob.pay()) == ({}, {})
    assert await merit.ledger_nets() == {"USD": 0}


async def test_a_line_opens_into_its_derivation(merit: Driver) -> None:
    crm, ann = Crm(merit), Rep(merit, "ann")
    await crm.places("1200")
    (commission,) = [line for line in await ann.lines() if line["component"] == "commission"]
    assert commission["credit"]["order_id"] == "4711"
    trace = await ann.trace(commission)
    assert (trace["replayed"], trace["equal"]) == ("120.00", True)

    await crm.refunds("1200")
    client = await merit.as_person("ann")
    line = (await client.get(f"/v1/earnings/lines/{commission['line_id']}")).json()
    assert line["amount"] == "0.00"
    assert [entry["kind"] for entry in line["entries"]] == ["award", "reversal"]


async def test_sending_it_again_changes_nothing_and_contradicting_it_is_a_conflict(merit: Driver) -> None:
    crm, ann = Crm(merit), Rep(merit, "ann")
    await crm.places("1200")
    event = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "crm.order.placed.v1"}
    event |= {"time": "2024-03-05T09:00:00Z", "data": {"order_id": "4711"} | crm.order("1200")}
    other = event | {"data": event["data"] | {"amount": "9999"}}
    answer = await merit.send(event, other)
    assert [result["outcome"] for result in answer["results"]] == ["duplicate", "conflict"]
    await merit.caught_up()
    assert await ann.sales(MARCH) == "1200"
    assert await ann.pay() == {"commission": "120.00", "bonus": "75.00"}


async def test_what_comes_before_its_order_waits_for_it(merit: Driver) -> None:
    crm, ann = Crm(merit), Rep(merit, "ann")
    await crm.refunds("200")
    assert await ann.sales(APRIL) == "0"
    assert [item["object_id"] for item in await merit.items("/v1/data-quality", kind="waiting")] == ["4711"]
    await crm.places("1200")
    assert (await ann.sales(MARCH), await ann.sales(APRIL)) == ("1200", "-200")
    assert await merit.items("/v1/data-quality", kind="waiting") == []


async def test_a_manager_sees_the_team_and_a_new_target_counts_at_once(merit: Driver) -> None:
    crm, ann, mia = Crm(merit), Rep(merit, "ann"), await merit.as_person("mia")
    await crm.places("900")
    answer = await mia.get("/v1/kpis/sales_amount/values", params={"subject_kind": "manager", "subject": "mia"} | MARCH)
    assert [cell["value"] for cell in answer.json()["items"]] == ["900"]
    assert await ann.pay() == {"commission": "90.00"}
    await merit.write("targets", [COMPANY.targets[0] | {"value": "800"}])

    async def differences() -> list[str]:
        pay = await ann.pay()
        return [] if pay == {"commission": "90.00", "bonus": "75.00"} else [str(pay)]

    await eventually(differences)


async def test_a_credit_of_somebody_unknown_is_listed_until_the_person_appears(merit: Driver) -> None:
    await Crm(merit).tells("placed", "1", "2024-03-05", **Crm(merit).order("1200", "zoe"))
    unresolved = await merit.items("/v1/data-quality", kind="unresolved")
    assert [(item["object_id"], item["rep_id"]) for item in unresolved] == [("4711", "zoe")]
    assert await merit.earnings(payee="zoe") == {}

    await merit.write("people", [{"person_id": "zoe", "name": "Zoe", "roles": ["rep"]}])
    await merit.write("memberships", [membership("zoe", "manager", "mia", "2024-01-01")])
    await merit.write("targets", [COMPANY.targets[0] | {"subject": "zoe"}])
    await merit.write("payee-parameters", [COMPANY.parameters[0] | {"payee_id": "zoe"}])
    zoe = Rep(merit, "zoe")

    async def differences() -> list[str]:
        if not any(subject == "zoe" for subject, _ in await merit.values("sales_amount", "rep", SPRING, None)):
            return ["zoe is no rep yet"]
        found = await zoe.sales(MARCH), await zoe.pay(), await merit.items("/v1/data-quality", kind="unresolved")
        return [] if found == ("1200", {"commission": "120.00"}, []) else [str(found)]

    await eventually(differences)


async def test_a_new_rate_and_a_new_plan_pay_the_past_anew(merit: Driver) -> None:
    crm, ann = Crm(merit), Rep(merit, "ann")
    await crm.places("500")
    assert await ann.pay() == {"commission": "50.00"}
    rate = next(p for p in COMPANY.parameters if (p["payee_id"], p["name"]) == ("ann", "commission_rate"))
    await merit.write("payee-parameters", [rate | {"value": "0.20"}])
    compensation = await merit.as_role("compensation")
    bonus_only = PLANS["standard"] | {"components": PLANS["standard"]["components"][1:]}

    async def pays(expected: dict[str, str]) -> list[str]:
        pay = await ann.pay()
        return [] if pay == expected else [str(pay)]

    await eventually(lambda: pays({"commission": "100.00"}))
    answer = await compensation.put("/v1/plans/standard", json=bonus_only)
    assert answer.is_success, answer.text
    await eventually(lambda: pays({}))
    assert await merit.ledger_nets() == {"USD": 0}
