"""A company in which it matters who may see what, told to Merit, and the truth about it as far as each may see it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.journeys.driver import Driver, eventually
from tests.journeys.plans import COMPONENTS
from tests.journeys.routes import INTEGRATION, MANAGER, REP
from tests.oracle import figures, synthetic
from tests.oracle.adventureworks import Company, membership
from tests.oracle.directory import Directory
from tests.oracle.figures import Truth
from tests.oracle.kpis import collect, seen_by

MOVES_ON = "2012-10-01"
"""r1 leaves m1 for m2 on this day: each of them sees only their own part of r1."""
QUARTERS = dt.date(2012, 1, 1), dt.date(2014, 1, 1)
HALF_OWN = [{"rep_id": "lone", "share": "0.5"}, {"rep_id": "r1", "share": "0.5"}]
SOURCE = "/crm/a"
PERSON_OF = {REP: "r1", MANAGER: "m1"}
SEES = {"r1": {"r1"}, "m1": {"m1", "r1", "r2", "r3"}, "m2": {"m2", "r1", "r4", "r5"}, "lone": {"lone"}}
"""Whom a person may know anything of, at some time."""


def company() -> Company:
    """The made-up company, re-organised, with a manager who has nobody yet and unfinished business of two reps."""
    base = synthetic.company(3, 200)
    moved = [m for m in base.memberships if (m["person_id"], m["kind"]) != ("r1", "manager")]
    moved += [membership("r1", "manager", "m1", synthetic.SINCE, MOVES_ON), membership("r1", "manager", "m2", MOVES_ON)]
    people = [p | {"roles": [MANAGER if p["person_id"] in ("m1", "m2", "top") else REP]} for p in base.people]
    people.append({"person_id": "lone", "name": "LONE", "roles": [MANAGER]})
    shared = base.events[0] | {"id": "shared", "data": base.events[0]["data"] | {"order_id": "shared"}}
    shared["data"] |= {"credits": HALF_OWN, "amount": "1000"}
    return replace(base, memberships=moved, people=people, events=[*base.events, shared, *unfinished()])


def unfinished() -> list[dict[str, Any]]:
    """Per rep an amendment whose order never came, and a refund of more than its order."""
    events = []
    for rep in ("r1", "r4"):
        order = {"amount": "10", "currency": "USD", "credits": [{"rep_id": rep, "share": "1"}]}
        for kind, id, data in (
            ("amended", f"wait-{rep}", {"order_id": f"wait-{rep}"} | order),
            ("placed", f"much-{rep}", {"order_id": f"much-{rep}"} | order),
            ("refunded", f"back-{rep}", {"order_id": f"much-{rep}", "amount": "11"}),
        ):
            event = {"specversion": "1.0", "id": id, "source": synthetic.SOURCE, "type": f"crm.order.{kind}.v1"}
            events.append(event | {"time": "2012-06-01T12:00:00Z", "data": data})
    return events


@dataclass(frozen=True)
class Sighted:
    """Merit with the company, and the truth."""

    driver: Driver
    truth: Truth

    async def client(self, role: str) -> httpx.AsyncClient:
        """A client of the role: a person's where the role sees what is a person's own, a source's where a machine's."""
        if role in PERSON_OF:
            return await self.driver.as_person(PERSON_OF[role])
        return await (self.driver.as_source(SOURCE) if role == INTEGRATION else self.driver.as_role(role))

    def seen_by(self, manager: str) -> Truth:
        """The truth as far as a manager may see it."""
        directory = Directory(self.truth.company.memberships)
        book = seen_by(manager, self.truth.book, directory)
        return replace(self.truth, book=book, facts=collect(book, directory))


async def sighted(driver: Driver) -> Sighted:
    """Tell Merit of the company, and wait until all of it is counted and paid."""
    made = company()
    await driver.found(made)
    await driver.send(*made.events)
    await driver.caught_up()
    truth = figures.truth(made, COMPONENTS)

    async def differences() -> list[str]:
        return figures.different(truth.earnings(), await driver.earnings())

    await eventually(differences)
    return Sighted(driver, truth)
