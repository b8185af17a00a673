"""A company that sells in four currencies and reports in one: rates come early, late and corrected.

By hand, figure by figure; and an awkward history whose every figure is the oracle's, and Merit's own recomputation's.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import replace
from typing import Any

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver, eventually
from tests.oracle import history, kpis, periods, rates, synthetic
from tests.oracle.directory import Directory
from tests.oracle.figures import Truth
from tests.oracle.generate import generate

SEED, ORDERS = 11, 150
CURRENCIES = ("USD", "USD", "EUR", "JPY", "KWD")
YEARS = dt.date(2011, 1, 1), dt.date(2015, 1, 1)


def rate(currency: str, valid_from: str, value: str) -> dict[str, Any]:
    return {"currency": currency, "valid_from": valid_from, "rate": value}


async def set_rates(driver: Driver, *items: dict[str, Any]) -> None:
    answer = await (await driver.as_role("finance")).post("/v1/rates", json={"items": items})
    assert answer.is_success, answer.text


def event(kind: str, id: str, day: str, **data: Any) -> dict[str, Any]:
    envelope = {"specversion": "1.0", "id": id, "source": "/crm", "type": f"crm.{kind}.v1", "time": f"{day}T12:00:00Z"}
    return envelope | {"data": data}


def order(name: str, day: str, amount: str, currency: str, *credits: tuple[str, str]) -> dict[str, Any]:
    shares = [{"rep_id": rep, "share": share} for rep, share in credits]
    return event("order.placed", name, day, order_id=name, amount=amount, currency=currency, credits=shares)


async def expect(driver: Driver, figures: dict[tuple[str, str, str], str | None]) -> None:
    """Wait until KPIs are what was worked out by hand: by KPI, subject (of the company or a rep) and period."""

    async def differences() -> list[str]:
        found = []
        for (kpi, subject, period), value in figures.items():
            asked = {"subject_kind": "company" if subject == "company" else "rep", "subject": subject, "period": period}
            (item,) = await driver.items(f"/v1/kpis/{kpi}/values", **asked)
            found += [f"{kpi} {subject} {period}: {item['value']}, not {value}"] if item["value"] != value else []
        return found

    await eventually(differences)


async def unvalued(driver: Driver) -> int:
    """How many objects the answer of a KPI says to wait for a rate."""
    asked = {"subject_kind": "company", "period": "2024-01", "completeness": "true"}
    answer = await (await driver.as_role("auditor")).get("/v1/kpis/sales_amount/values", params=asked)
    assert answer.status_code == 200, answer.text
    found: int = answer.json()["completeness"]["no_rate"]
    return found


async def listed(driver: Driver) -> list[tuple[str, str, str]]:
    items = await driver.items("/v1/data-quality", kind="no_rate")
    return [(i["object_id"], i["currency"], i["day"]) for i in items]


async def holds(driver: Driver) -> None:
    """Merit's own recomputation of KPIs and pay finds what is kept."""

    async def wrong() -> list[str]:
        auditor, found = await driver.as_role("auditor"), []
        for what in ("kpis", "awards", "ledger"):
            answer = await auditor.get(f"/v1/verification/{what}", timeout=60)
            assert answer.status_code == 200, answer.text
            found += [str(check) for check in answer.json() if not check["ok"] or "left out" in check["detail"]]
        return found

    await eventually(wrong)


async def test_by_hand(open_merit: OpenMerit) -> None:
    async with open_merit() as driver:
        await driver.write("people", [{"person_id": p, "name": p, "roles": ["rep"]} for p in ("ann", "bob")])
        await set_rates(driver, rate("EUR", "2024-01-01", "1.10"), rate("EUR", "2024-02-01", "1.20"))
        await set_rates(driver, rate("JPY", "2024-01-01", "0.0068"))
        target = {"kpi": "sales_amount", "subject_kind": "rep", "subject": "bob", "from": "2024-01-01"}
        await driver.write("targets", [target | {"to": "2024-04-01", "value": "2760"}])  # of no currency: in dollars
        component = {"key": "c", "kind": "commission", "window": {"calendar": "quarter"}, "rate": "0.1"}
        words = {"basis": "amount", "anchor": "booked", "reversal": "re_rate", "round": "cumulative", "currency": "USD"}
        plan = {"valid_from": "2024-01-01", "assigned_to": {"everyone": True}, "components": [component | words]}
        assert (await (await driver.as_role("compensation")).put("/v1/plans/p", json=plan)).is_success
        await driver.send(
            order("dollars", "2024-01-10", "1000", "USD", ("ann", "1")),
            order("euros", "2024-01-15", "500.50", "EUR", ("ann", "0.3"), ("bob", "0.7")),
            order("yen", "2024-01-20", "100000", "JPY", ("bob", "1")),
            order("dinars", "2024-01-25", "100.125", "KWD", ("bob", "1")),
            event("order.refunded", "back", "2024-02-10", order_id="euros", amount="200"),
        )
        await driver.caught_up()
        january = {
            ("sales_amount", "company", "2024-01"): "2230.55",  # 1000 + 500.50 × 1.10 + 100000 × 0.0068
            ("sales_amount", "company", "2024-02"): "-220",  # of an order of January: at 1.10, not at 1.20
            ("sales_amount", "ann", "2024-01"): "1165.165",
            ("sales_amount", "bob", "2024-02"): "-154",
            ("order_count", "company", "2024-01"): "4",  # the dinars too
            ("order_count", "bob", "2024-01"): "3",
        }
        await expect(driver, january)
        assert await listed(driver) == [("dinars", "KWD", "2024-01-25")]
        assert await unvalued(driver) == 1
        await set_rates(driver, rate("KWD", "2024-01-01", "3.25"), rate("EUR", "2024-01-01", "1.12"))
        await expect(
            driver,
            january
            | {
                ("sales_amount", "company", "2024-01"): "2565.96625",  # 1000 + 560.56 + 680 + 325.40625
                ("sales_amount", "company", "2024-02"): "-224",
                ("sales_amount", "ann", "2024-01"): "1168.168",
                ("sales_amount", "bob", "2024-01"): "1397.79825",
                ("sales_amount", "bob", "2024-02"): "-156.8",
            },
        )
        assert await listed(driver) == []
        assert await unvalued(driver) == 0
        assert not (await (await driver.as_role("auditor")).get("/v1/rates")).json()["restating"]
        attained = await driver.items(
            "/v1/targets/attainment", subject="bob", **{"from": "2024-01-01", "to": "2024-04-01"}
        )
        assert [item["attainment"] for item in attained] == ["0.449637"]  # (1397.79825 − 156.8) ÷ 2760

        async def paid() -> list[str]:
            """A tenth of what is left of each order: ann 1000 + 150.15 × 1.12 − 60 × 1.12 = 1100.968."""
            found = {payee: amount for (payee, *_), amount in (await driver.earnings()).items()}
            return [] if found == {"ann": "110.10", "bob": "124.10"} else [str(found)]

        await eventually(paid)
        assert set(await driver.ledger_nets()) == {"USD"}
        await holds(driver)


def abroad(told: dict[str, Any]) -> dict[str, Any]:
    """An event of the same order always in the same currency; one statement in ten in another."""
    if "currency" not in told["data"]:
        return told
    name = told["data"]["order_id"] + (told["id"] if zlib.crc32(told["id"].encode()) % 10 == 0 else "")
    currency = CURRENCIES[zlib.crc32(name.encode()) % len(CURRENCIES)]
    return told | {"data": told["data"] | {"currency": currency}}


FIRST = [rate("EUR", "2012-02-01", "1.31"), rate("JPY", "2012-01-01", "0.013"), rate("EUR", "2012-09-01", "1.26")]
SECOND = [rate("EUR", "2012-05-01", "1.3333333333"), rate("JPY", "2012-01-01", "0.0127")]
LAST = [rate("KWD", "2012-07-01", "3.55"), rate("EUR", "2012-02-01", "1.29"), rate("EUR", "2013-01-01", "1.32")]


@pytest.mark.parametrize("zone", ["America/New_York"])
async def test_an_awkward_history_in_any_order(open_merit: OpenMerit, zone: str) -> None:
    generated = generate(synthetic.company(SEED, ORDERS, zone), SEED)
    batches = [[abroad(told) for told in batch] for batch in generated.batches]
    company = replace(generated.company, events=[told for batch in batches for told in batch])
    async with open_merit(zone) as driver:
        await driver.found(replace(company, memberships=generated.memberships))
        for number, batch in enumerate(batches):
            if number in (0, len(batches) // 2):
                await set_rates(driver, *(SECOND if number else FIRST))
            if number == generated.reorganise_at:
                await driver.write("memberships", generated.changes)
            await driver.send(*batch)
        if generated.reorganise_at == len(batches):
            await driver.write("memberships", generated.changes)
        await set_rates(driver, *LAST)
        await driver.caught_up()
        book = rates.valued(history.read(company.events, zone), rates.Rates("USD", [*FIRST, *SECOND, *LAST]))
        truth = Truth(company, book, kpis.collect(book, Directory(company.memberships)), [])

        async def differences() -> list[str]:
            found = []
            for kind in kpis.SUBJECT_KINDS:
                for kpi in ("sales_amount", "order_count", "sales_growth"):
                    for grain in ("quarter", "month"):
                        answered = await driver.values(kpi, kind, YEARS, grain)
                        windows = list(periods.between(grain, *YEARS))
                        found += truth.differences(kpi, kind, windows, grain, answered)
            return found

        await eventually(differences)
        unvalued = {object_id for object_id, _, _ in await listed(driver)}
        assert unvalued == book.unvalued
        assert unvalued
        assert not any((await driver.ledger_nets()).values())
        await holds(driver)
