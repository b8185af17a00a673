"""The invariants I1 to I8 at the end of a run, held against the client's journal and the independent oracle.

Every finding begins with the invariant that it breaks; an empty list means that all hold.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from contracts.topics import CRM_SALES, DIRECTORY_PEOPLE, FX_RATES, INCENTIVE_LEDGER, KPI_VALUES, TARGETS
from tests.faults.cluster import Cluster
from tests.faults.journal import Client, Event
from tests.faults.watch import Watch
from tests.journeys.driver import Driver
from tests.journeys.plans import COMPONENTS
from tests.oracle import figures, history, kpis, numbers, periods
from tests.oracle.adventureworks import Company
from tests.oracle.figures import Truth

DRAIN_SECONDS = 60.0
LOOK_SECONDS = 0.2
SPAN = dt.date(2011, 10, 1), dt.date(2014, 1, 1)
READ = {"kpi": (CRM_SALES, DIRECTORY_PEOPLE, TARGETS), "incentive": (CRM_SALES, DIRECTORY_PEOPLE, FX_RATES)}
VALUE = ("kpi", "subject_kind", "subject", "grain", "period_from")


@dataclass
class Checker:
    """Knows what was sent and decided, and asks what became of it. ``poison``: dead letters that were injected."""

    cluster: Cluster
    driver: Driver
    client: Client
    company: Company
    watch: Watch
    poison: int = 0
    drain_seconds: float = DRAIN_SECONDS

    async def check(self, thoroughly: bool = False) -> list[str]:
        """Wait until nothing is under way any more (at most ``drain_seconds``), then check everything; ``thoroughly``:
        every KPI, and the whole log read a second time."""
        found = await self.drained()
        await self.watch.look()
        truth = figures.truth(replace(self.company, events=self.client.sent), COMPONENTS)
        found += self.watch.found + (await self.watch.again() if thoroughly else [])
        found += self.nothing_lost() + await self.once() + await self.announced()
        found += await self.figures(truth, kpis.KPIS if thoroughly else ("sales_amount",))
        return found + await self.money(truth) + await self.listed(truth)

    async def drained(self) -> list[str]:
        """I8: positions at the end of the log, nothing marked, nothing to announce, no dead letter but the poison."""
        deadline = asyncio.get_running_loop().time() + self.drain_seconds
        while (left := await self._under_way()) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
        dead = 0
        for service in READ:
            async with self.cluster.database(service) as conn:
                dead += await conn.fetchval("select count(*) from dead_letter")
        return left + ([f"I8: {dead} dead letters, {self.poison} injected"] if dead != self.poison else [])

    async def _under_way(self) -> list[str]:
        """What comes first is asked first: once it is done it gives the next ones nothing new."""
        left = await self._waiting("auth", "outbox") + await self._waiting("incentive", "outbox")
        for service, topics in READ.items():
            async with self.cluster.database(service) as conn:
                rows = await conn.fetch("select topic, partition, next_offset from position")
            known = {(r["topic"], r["partition"]): r["next_offset"] for r in rows}
            for topic in topics:
                for place, end in (await self.cluster.bus.ends(topic.name)).items():
                    if known.get(place, 0) != end:
                        left.append(f"I8: {service} stands at {known.get(place, 0)} of {end} in {place}")
        for service, table in (("kpi", "changed"), ("incentive", "due"), ("kpi", "outbox"), ("incentive", "outbox")):
            left += await self._waiting(service, table)
        return left

    async def _waiting(self, service: str, table: str) -> list[str]:
        async with self.cluster.database(service) as conn:
            count = await conn.fetchval(f"select count(*) from {table}")
        return [f"I8: {count} rows wait in {service}.{table}"] if count else []

    def nothing_lost(self) -> list[str]:
        """I1 and I2 on the log: every accepted answer lies there, and nothing lies there that was never sent."""
        lying = Counter[tuple[str, str, str]]()
        for value in self.watch.values(CRM_SALES.name):
            if (event := _event(value)) is not None:
                lying[_identity(event)] += 1
        sent = {_identity(event) for event in self.client.sent}
        answered = {_identity(a["event"]) for a in self.client.answered if a["outcome"] in ("accepted", "duplicate")}
        lost = [f"I1: {one} was answered and is not on the log" for one in sorted(answered - lying.keys())]
        lost += [
            f"I1: {a['event']['id']} is {a['outcome']}, and faulty"
            for a in self.client.answered
            if a["event"] in self.client.faulty and a["outcome"] != "quarantined"
        ]
        return lost + [f"I2: {one} was never sent" for one in sorted(lying.keys() - sent)]

    async def once(self) -> list[str]:
        """I2 in the databases: each identity once, whichever way it came."""
        sent, found = {_identity(event) for event in self.client.sent}, []
        for service in READ:
            async with self.cluster.database(service) as conn:
                kept = await conn.fetchval("select count(*) from seen")
            if kept != len(sent):
                found.append(f"I2: {service} knows {kept} identities of {len(sent)}")
        return found

    async def figures(self, truth: Truth, keys: Sequence[str]) -> list[str]:
        """I3: every value of every kind of subject."""
        found, windows = [], list(periods.between("month", *SPAN))
        for key in keys:
            for kind in kpis.SUBJECT_KINDS:
                answered = await self.driver.values(key, kind, SPAN, "month")
                found += [f"I3: {d}" for d in truth.differences(key, kind, windows, "month", answered)]
        return found

    async def money(self, truth: Truth) -> list[str]:
        """I5, I6, I7: what the ledger nets to is what the events earn, line by line."""
        found = [f"I7: {d}" for d in figures.different(truth.earnings(), await self.driver.earnings())]
        by_order = {key: numbers.cents(amount) for key, amount in truth.earned_by_order().items()}
        found += [f"I6: {d}" for d in figures.different(by_order, await self.driver.earned_by_order())]
        nets = await self.driver.ledger_nets()
        return found + [f"I5: the ledger nets to {net} {currency}" for currency, net in nets.items() if net]

    async def listed(self, truth: Truth) -> list[str]:
        """I1: what does not count is listed, once: waiting orders, conflicts, and what is faulty."""
        kept = Counter(i["id"] for i in await self.driver.items("/v1/quarantine", outcome="quarantined"))
        faulty = Counter(event["id"] for event in self.client.faulty)
        quarantined = [f"I1: {one} is in quarantine {kept[one]} times" for one in (kept | faulty) if kept[one] != 1]
        waiting = {i["object_id"] for i in await self.driver.items("/v1/data-quality", kind="waiting")}
        found = quarantined + [f"I1: {one} should wait, or does" for one in sorted(waiting ^ truth.book.waiting)]
        items = await self.driver.items("/v1/quarantine", outcome="conflict")
        items += await self.driver.items("/v1/data-quality", kind="conflict")
        conflicts = {(i["object_id"], i["source"], i["id"]) for i in items}
        _, _, expected = history.identify(self.client.sent)
        return found + [f"I1: conflict {c}" for c in sorted(conflicts ^ {_identity(e) for e in expected})]

    async def announced(self) -> list[str]:
        """I6 and I8 outside: what other systems were told is what the databases hold."""
        told, newest = set[str](), dict[tuple[Any, ...], tuple[int, Any]]()
        told |= {json.loads(value)["data"]["entry_id"] for value in self.watch.values(INCENTIVE_LEDGER.name)}
        for value in self.watch.values(KPI_VALUES.name):
            data = json.loads(value)["data"]
            key = tuple(data[name] for name in VALUE)
            newest[key] = max(newest.get(key, (0, None)), (data["version"], data["value"]), key=lambda v: v[0])
        async with self.cluster.database("incentive") as conn:
            kept = {row["entry_id"] for row in await conn.fetch("select entry_id from ledger_entry")}
        async with self.cluster.database("kpi") as conn:
            rows = await conn.fetch(
                "select kpi, kind, subject, grain, period_from, version, value from announced_value"
            )
        state = {(*tuple(r)[:4], str(r["period_from"])): (r["version"], r["value"]) for r in rows}
        found = [f"I6: entry {one} was not told of, or is not there" for one in sorted(told ^ kept)]
        return found + [f"I6: told of {d}" for d in figures.different(state, newest)]


def _event(value: bytes) -> Event | None:
    try:
        found: Event = json.loads(value)
        return found if "data" in found else None
    except ValueError:
        return None


def _identity(event: Event) -> tuple[str, str, str]:
    return event["data"]["order_id"], event["source"], event["id"]
