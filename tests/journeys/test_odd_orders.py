"""Orders at the edges of what an event may say: the largest and the smallest amounts, and ids in any script."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import eventually
from tests.journeys.plans import COMPONENTS
from tests.oracle import figures, kpis, synthetic
from tests.oracle.adventureworks import Company, membership

LARGEST, SMALLEST = "99999999999999999999.9999999999", "0.0000000001"
THIRDS = ("0.3333333333", "0.3333333333", "0.3333333334")
NAMES = ("Ärger", "ärger", "zoë", "李雷", "O'Brien; drop table", "a b/c?d#e&f=g", "%2e%2e", "emoji 🙂", "A", "a")
YEAR = dt.date(2012, 1, 1), dt.date(2013, 1, 1)


def order(name: str, amount: str, credits: list[dict[str, Any]]) -> dict[str, Any]:
    """An order placed in the summer of 2012."""
    data = {"order_id": name, "amount": amount, "currency": "USD", "credits": credits}
    data |= {"customer_id": f"customer of {name}", "territory": name}
    event = {"specversion": "1.0", "id": f"placing {name}", "source": "/crm/öffentlich", "type": "crm.order.placed.v1"}
    return event | {"time": "2012-06-15T23:59:59.999999Z", "data": data}


def refund(name: str, amount: str) -> dict[str, Any]:
    """A refund of an order."""
    placed = order(name, "1", [])
    data = {"order_id": name, "amount": amount}
    return placed | {"id": f"refunding {name}", "type": "crm.order.refunded.v1", "data": data}


def company() -> Company:
    """A company of odd names that sells at both ends of the scale."""
    base = synthetic.company(1, 0)
    shared = [{"rep_id": rep, "share": share} for rep, share in zip(NAMES[:3], THIRDS, strict=True)]
    by_amount = [
        {"rep_id": NAMES[3], "amount": "33333333333333333333.3333333333"},
        {"rep_id": NAMES[4], "amount": "66666666666666666666.6666666666"},
    ]
    events = [order(name, SMALLEST, [{"rep_id": name, "share": "1"}]) for name in NAMES]
    events += [order("large", LARGEST, shared), order("split", LARGEST, by_amount)]
    events += [refund("large", "0.0000000007"), refund("split", "0.0000000001"), refund("A", LARGEST)]
    targets = [
        {"kpi": "sales_amount", "subject_kind": "rep", "subject": name, "value": "1000000.01", "currency": "USD"}
        | {"from": "2012-04-01", "to": "2012-07-01"}
        for name in NAMES
    ]
    return replace(
        base,
        people=[{"person_id": name, "name": name, "roles": ["rep"]} for name in (*NAMES, "boss")],
        memberships=[membership(name, "manager", "boss", "2012-01-01") for name in NAMES],
        targets=targets,
        parameters=[synthetic.parameter(name, "commission_rate", "0.0333333333", "2012-01-01") for name in NAMES]
        + [synthetic.parameter(name, "bonus", "99999999999.999", "2012-01-01") for name in NAMES],
        events=events,
    )


async def test_every_figure_is_exact(open_merit: OpenMerit) -> None:
    truth = figures.truth(company(), COMPONENTS)
    async with open_merit() as driver:
        await driver.found(truth.company)
        await driver.send(*truth.company.events)
        await driver.caught_up()

        async def differences() -> list[str]:
            found = figures.different(truth.earnings(), await driver.earnings())
            for kpi in kpis.KPIS:
                for kind in kpis.SUBJECT_KINDS:
                    answered = await driver.values(kpi, kind, YEAR, None)
                    found += truth.differences(kpi, kind, [YEAR], None, answered)
            return found

        await eventually(differences)
        for name in NAMES:
            answered = await driver.values("sales_amount", "rep", YEAR, None, subject=name)
            assert answered == {(name, YEAR): truth.value("sales_amount", "rep", (name, YEAR), None)}
        assert await driver.ledger_nets() == {"USD": 0}
        for line in await driver.items("/v1/earnings/lines"):
            trace = await (await driver.as_role("auditor")).get(f"/v1/earnings/lines/{line['line_id']}/trace")
            assert (trace.json()["replayed"], trace.json()["equal"]) == (line["amount"], True)
