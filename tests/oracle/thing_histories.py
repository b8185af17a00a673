"""A seeded generator of what CRMs really say of opportunities, cases, surveys, follow-ups and credit notes.

Late and early news, second openings, won and lost, re-scheduled and cancelled visits, bare dates, business dates,
resends, conflicts, objects of which only the end is ever told; in any order. The same seed gives the same history.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from tests.oracle.history import Event
from tests.oracle.troubles import OFFSETS, written

FIRST = dt.datetime(2011, 6, 1, tzinfo=dt.UTC)
DAYS = 540
SOURCES = ("/crm", "/crm/second")


@dataclass
class Teller:
    """Tells the events of one object, around ``start``."""

    random: Random
    reps: list[str]
    kind: str
    number: int
    start: dt.datetime
    told: int = 0

    def tell(self, word: str, days: float, **data: Any) -> Event:
        """An event so many days after the start, give or take minutes, written with any offset."""
        self.told += 1
        at = self.start + dt.timedelta(minutes=int(days * 1440) + self.random.randint(0, 59), seconds=self.told)
        if self.random.random() < 0.2:
            data["business_date"] = str((at + dt.timedelta(days=self.random.randint(-2, 2))).date())
        if self.random.random() < 0.5:
            data["territory"] = self.random.choice(["1", "10"])
        if self.random.random() < 0.5:
            data["customer_id"] = f"c{self.random.randint(1, 20)}"
        return {
            "specversion": "1.0",
            "id": f"{self.kind}-{self.number}-{self.told}",
            "source": self.random.choice(SOURCES),
            "type": f"crm.{self.kind}.{word}.v1",
            "time": written(at, self.random.choice(OFFSETS)),
            "datacontenttype": "application/json",
            "data": {f"{self.kind}_id": f"{self.kind}-{self.number}"} | data,
        }

    def rep(self) -> str:
        return self.random.choice(self.reps)

    def when(self, days: float) -> str:
        """A bare date, or an instant with any offset."""
        at = self.start + dt.timedelta(minutes=int(days * 1440))
        return str(at.date()) if self.random.random() < 0.5 else written(at, self.random.choice(OFFSETS))

    def some(self, **data: Any) -> dict[str, Any]:
        """Some of these, others left out."""
        return {name: value for name, value in data.items() if self.random.random() < 0.6}


def opportunity(t: Teller) -> list[Event]:
    def money() -> dict[str, Any]:
        return {"amount": str(Decimal(t.random.randint(0, 10**6)).scaleb(-2)), "currency": "USD"}

    events = [t.tell("opened", 0, rep_id=t.rep(), **money(), **t.some(opened_at=t.when(-3)))]
    if t.random.random() < 0.2:
        events.append(t.tell("opened", t.random.randint(-5, 5), rep_id=t.rep()))
    for _ in range(t.random.randint(0, 2)):
        events.append(
            t.tell("updated", t.random.randint(-2, 40), rep_id=t.rep(), **(money() if t.random.random() < 0.5 else {}))
        )
    for word in t.random.choice([(), ("won",), ("lost",), ("won", "lost"), ("lost", "lost"), ("won", "won")]):
        events.append(t.tell(word, t.random.randint(0, 90), rep_id=t.rep()))
    return events


def case(t: Teller) -> list[Event]:
    events = [t.tell("opened", 0, rep_id=t.rep(), **t.some(opened_at=t.when(-1), category="billing"))]
    for word in t.random.choice(
        [(), ("responded",), ("responded", "resolved"), ("resolved",), ("responded", "responded")]
    ):
        events.append(t.tell(word, t.random.uniform(0, 9), rep_id=t.rep()))
    return events


def survey(t: Teller) -> list[Event]:
    scale = t.random.choice([2, 3, 5, 5, 5, 7, 10])
    parts = t.random.choice([(), ("1",), ("1",), ("0.5", "0.5")])
    credits = [{"rep_id": r, "share": s} for r, s in zip(t.random.sample(t.reps, len(parts)), parts, strict=True)]
    if parts and t.random.random() < 0.2:
        credits.append({"rep_id": t.rep(), "share": "0.5", "overlay": True})
    data = {"score": t.random.randint(0, scale), "scale_max": scale, "credits": credits}
    return [t.tell("answered", 0, **data)]


def followup(t: Teller) -> list[Event]:
    due = t.random.randint(1, 30)
    events = [t.tell("scheduled", 0, rep_id=t.rep(), due_at=t.when(due))]
    if t.random.random() < 0.3:
        events.append(t.tell("scheduled", 1, rep_id=t.rep(), due_at=t.when(due + 7)))
    if t.random.random() < 0.7:
        events.append(t.tell("completed", due + t.random.uniform(-3, 3), rep_id=t.rep(), **t.some(outcome="reached")))
    if t.random.random() < 0.15:
        events.append(t.tell("cancelled", 2, rep_id=t.rep()))
    return events


def credit_note(t: Teller) -> list[Event]:
    amount = Decimal(t.random.randint(1, 10**5)).scaleb(-2)
    credits = [{"rep_id": t.rep(), "share": "1"}] if t.random.random() < 0.8 else []
    return [t.tell("issued", 0, amount=str(amount), currency="USD", credits=credits)]


KINDS = {
    "opportunity": opportunity,
    "case": case,
    "survey": survey,
    "followup": followup,
    "credit_note": credit_note,
}


def histories(seed: int, each: int, reps: list[str]) -> list[Event]:
    """So many objects of each kind, all their events in any order, some of them twice, some contradicted."""
    random = Random(seed)
    events: list[Event] = []
    for kind, tell in KINDS.items():
        for number in range(each):
            start = FIRST + dt.timedelta(minutes=random.randint(0, DAYS * 1440))
            told = tell(Teller(random, reps, kind, number, start))
            if len(told) > 1 and random.random() < 0.05:
                told = told[1:]  # how it began is never told
            events += told
    again = random.sample(events, len(events) // 20)
    events += again[::2]
    events += [e | {"data": e["data"] | {"attributes": {"changed": "afterwards"}}} for e in again[1::2]]
    random.shuffle(events)
    return events
