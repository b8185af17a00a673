"""A small made-up company, for histories that need not be long: two levels of managers, teams, quarterly targets."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from random import Random
from typing import Any

from tests.oracle.adventureworks import Company, membership

FIRST_DAY, DAYS = dt.date(2012, 1, 1), 540
SINCE = "2011-01-01"
RATES_CHANGE = "2012-11-15"
SOURCE = "/crm/orders"
REPORTS_TO = {
    **dict.fromkeys(["r1", "r2", "r3"], "m1"),
    **dict.fromkeys(["r4", "r5"], "m2"),
    **dict.fromkeys(["m1", "m2", "r6"], "top"),
}
TEAMS = {"r1": "north", "r2": "north", "r3": "south", "r4": "south", "r5": "west", "r6": "west"}
QUARTERS = [f"{year}-{month:02}-01" for year in (2012, 2013) for month in (1, 4, 7, 10)]


def company(seed: int, orders: int, zone: str = "UTC") -> Company:
    """Orders of all sizes (a few of nothing, one in five without a rep) over 18 months."""
    random = Random(seed)
    return Company(
        zone=zone,
        events=[order(random, number) for number in range(1, orders + 1)],
        people=[{"person_id": p, "name": p.upper(), "roles": ["rep"]} for p in sorted({*REPORTS_TO, "top"})],
        memberships=memberships(),
        targets=targets(random, orders),
        parameters=parameters(random),
    )


def order(random: Random, number: int) -> dict[str, Any]:
    """One order, at any minute of the day."""
    at = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC) + dt.timedelta(minutes=random.randint(0, DAYS * 1440))
    amount = random.choice(["0", "0.01", "99.9999", *(str(Decimal(random.randint(1, 10**8)).scaleb(-4)),) * 7])
    rep = random.choice([None, *REPORTS_TO])
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": SOURCE,
        "type": "crm.order.placed.v1",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": {
            "order_id": f"o{number}",
            "amount": amount,
            "currency": "USD",
            "credits": [{"rep_id": rep, "share": "1"}] if rep else [],
            "customer_id": f"c{random.randint(1, 20)}",
            "territory": str(random.randint(1, 4)),
        },
    }


def memberships() -> list[dict[str, Any]]:
    """Everybody's manager, team and territory, from the beginning."""
    places = [membership(person, "manager", boss, SINCE) for person, boss in REPORTS_TO.items()]
    places += [membership(person, "team", team, SINCE) for person, team in TEAMS.items()]
    return places + [membership(f"r{n}", "territory", str(n % 4 + 1), SINCE) for n in range(1, 7)]


def targets(random: Random, orders: int) -> list[dict[str, Any]]:
    """A target per seller and quarter, some of them easy, some out of reach."""
    windows = list(zip(QUARTERS, [*QUARTERS[1:], "2014-01-01"], strict=True))
    return [
        {
            "kpi": "sales_amount",
            "subject_kind": "rep",
            "subject": person,
            "from": first,
            "to": end,
            "value": str(random.randint(1, 5) * orders * 40),
            "currency": "USD",
        }
        for person in sorted(REPORTS_TO)
        for first, end in windows
    ]


def parameters(random: Random) -> list[dict[str, Any]]:
    """Each seller's bonus, and a commission rate that changes in the middle of a quarter."""
    found = []
    for person in sorted(REPORTS_TO):
        first, second = (f"0.0{random.randint(1, 9)}5" for _ in range(2))
        bonus = f"{random.randint(1, 9)}00"
        found.append(parameter(person, "bonus", bonus, SINCE))
        found.append(parameter(person, "commission_rate", first, SINCE, RATES_CHANGE))
        found.append(parameter(person, "commission_rate", second, RATES_CHANGE))
    return found


def parameter(payee: str, name: str, value: str, valid_from: str, valid_to: str | None = None) -> dict[str, Any]:
    """A dated value of a payee, as the API takes it."""
    return {"payee_id": payee, "name": name, "value": value, "valid_from": valid_from, "valid_to": valid_to}
