"""incentive on a real PostgreSQL, with its own migrations and run-time role: what it is told, and what it answers."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.app import Service
from chassis.bus import Partition, Record, partition_of
from chassis.db import Database
from chassis.tokens import AUDIENCE
from contracts import directory, envelope
from contracts.rates import RATES_SET, DatedRate, RateTable
from contracts.topics import CRM_SALES, DIRECTORY_PEOPLE, FX_RATES
from services.incentive.handlers.learn import learn_orders, learn_people, learn_rates
from services.incentive.handlers.settle import Settler

ISSUER = "https://merit.test"
PASSWORD = "a-test-password"
ZONE = ZoneInfo("UTC")
NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
KEY = ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"})
ALL = (
    "targets.read:all targets.write:all parameters.read:all parameters.write:all plans.read:all plans.write:all"
    " earnings.read:all operations.read:all"
)
JSON = dict[str, Any]


@dataclass
class DrivenClock:
    """Time moves when the test says so; waiting passes at once."""

    at: dt.datetime = NOW
    ids: int = 0
    waited: float = 0.0

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        self.waited += 1.0
        return self.waited

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:048x}"


async def keys() -> Mapping[str, Any]:
    return {"keys": [KEY.as_dict(private=False)]}


def token(scope: str, person_id: str | None = None) -> str:
    """An access token with these grants."""
    now = int(NOW.timestamp())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": person_id or "tester", "iat": now, "exp": now + 600, "jti": "1"}
    claims |= {"scope": scope, "client_id": "tests"} | ({"person_id": person_id} if person_id else {})
    return jwt.encode({"alg": "ES256", "kid": "test", "typ": "at+jwt"}, claims, KEY)


def as_role(dsn: str, role: str) -> str:
    """The same database, as another role."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}"))


@dataclass
class Shop:
    """A company that sells and pays: events and people go in as the log carries them, the rest over HTTP."""

    service: Service
    database: Database
    clock: DrivenClock
    http: httpx.AsyncClient
    versions: dict[str, int] = field(default_factory=dict)
    offsets: Any = field(default_factory=itertools.count)

    def token(self) -> str:
        """A token that may do everything."""
        return token(ALL)

    async def people(self, *people: str, **places: Sequence[tuple[str, str, str, str | None]]) -> None:
        """Announce people: ``people("ann", bob=[("manager", "ann", "2020-01-01", None)])``; all of them are reps."""
        records = []
        for person_id, memberships in {**dict.fromkeys(people, ()), **places}.items():
            self.versions[person_id] = self.versions.get(person_id, 0) + 1
            known = [
                directory.Membership(kind, of, dt.date.fromisoformat(a), dt.date.fromisoformat(b) if b else None)  # type: ignore[arg-type]
                for kind, of, a, b in memberships
            ]
            person = directory.Person(person_id, self.versions[person_id], roles=["rep"], memberships=known)
            value = envelope.encode(
                type=directory.PERSON, source="/merit/auth", id=f"{person_id}/{person.version}", time=NOW, data=person
            )
            partition = Partition(DIRECTORY_PEOPLE.name, 0)
            records.append(Record(partition, next(self.offsets), person_id.encode(), value, (), NOW))
        async with self.database.transaction() as conn:
            await learn_people(conn, records)

    async def rates(self, currency: str, *rates: tuple[str, str]) -> None:
        """Announce a currency's whole table: (first day, value in dollars)."""
        self.versions[currency] = version = self.versions.get(currency, 0) + 1
        dated = [DatedRate(dt.date.fromisoformat(day), value) for day, value in rates]
        table = RateTable(currency=currency, reporting_currency="USD", version=version, rates=dated)
        value = envelope.encode(type=RATES_SET, source="/merit/kpi", id=f"{currency}/{version}", time=NOW, data=table)
        record = Record(Partition(FX_RATES.name, 0), next(self.offsets), currency.encode(), value, (), NOW)
        async with self.database.transaction() as conn:
            await learn_rates(conn, [record])

    def event(self, kind: str, order_id: str, day: str, id: str = "", **data: Any) -> JSON:
        """A CloudEvent ``crm.order.KIND.v1`` at noon of the day."""
        return {
            "specversion": "1.0",
            "type": f"crm.order.{kind}.v1",
            "source": "crm",
            "id": id or f"{kind}-{order_id}",
            "time": f"{day}T12:00:00Z",
            "data": {"order_id": order_id, **data},
        }

    def order(self, order_id: str, day: str, amount: str, *reps: str, kind: str = "placed", **data: Any) -> JSON:
        """An order split evenly between reps (one, two, four or five of them)."""
        credits = [{"rep_id": rep, "share": str(1 / len(reps))} for rep in reps]
        id = data.pop("id", "")
        return self.event(kind, order_id, day, id, **{"amount": amount, "currency": "USD", "credits": credits} | data)

    async def hear(self, *events: JSON) -> None:
        """One batch of the log."""
        records = []
        for event in events:
            key = event["data"]["order_id"].encode()
            partition = Partition(CRM_SALES.name, partition_of(key, CRM_SALES.partitions))
            records.append(Record(partition, next(self.offsets), key, json.dumps(event).encode(), (), NOW))
        async with self.database.transaction() as conn:
            await learn_orders(conn, records, ZONE)

    async def settle(self) -> None:
        """Until nothing is due."""
        while await Settler(self.database, self.clock, "USD").step():
            pass

    async def ask(
        self, method: str, path: str, scope: str = ALL, person: str | None = None, status: int = 200, **more: Any
    ) -> Any:
        headers = {"authorization": f"Bearer {token(scope, person)}"}
        answer = await self.http.request(method, path, headers=headers, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def plan(self, key: str, document: JSON) -> JSON:
        found: JSON = await self.ask("PUT", f"/v1/plans/{key}", json=document)
        return found

    async def targets(self, *items: tuple[str, str, str, str]) -> JSON:
        """Targets of reps: (rep, from, to, value)."""
        body = [
            {
                "kpi": "sales_amount",
                "subject_kind": "rep",
                "subject": s,
                "from": a,
                "to": b,
                "value": v,
                "currency": "USD",
            }
            for s, a, b, v in items
        ]
        found: JSON = await self.ask("POST", "/v1/targets", json={"items": body})
        return found

    async def parameters(self, *items: tuple[str, str, str]) -> JSON:
        """Values of payees since 2020: (payee, name, value)."""
        body = [{"payee_id": p, "name": n, "value": v, "valid_from": "2020-01-01"} for p, n, v in items]
        found: JSON = await self.ask("POST", "/v1/payee-parameters", json={"items": body})
        return found

    async def earned(self, scope: str = ALL, person: str | None = None, **query: str) -> dict[str, str]:
        """What is earned, by ``payee plan/component window``."""
        await self.settle()
        found = await self.ask("GET", "/v1/earnings", scope, person, params=query)
        assert found["next_cursor"] is None
        return {
            f"{i['payee_id']} {i['plan']}/{i['component']} {i['window_from']}": i["amount"]
            for i in found["items"]
            if i["amount"] != "0.00"
        }

    async def lines(self, scope: str = ALL, person: str | None = None, **query: str) -> list[JSON]:
        await self.settle()
        found: list[JSON] = (await self.ask("GET", "/v1/earnings/lines", scope, person, params=query))["items"]
        return found

    async def verify(self) -> None:
        """Every check holds, each line's trace replays, and nothing waits."""
        await self.settle()
        for what in ("ledger", "awards"):
            for check in await self.ask("GET", f"/v1/verification/{what}"):
                assert check["ok"], check
                assert "left out" not in check["detail"]
