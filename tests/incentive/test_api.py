"""How the API behaves around pay: refusals, pages, positions, announcements, settlers at work."""

from __future__ import annotations

import asyncio

import msgspec

from contracts.envelope import Envelope
from contracts.incentive import LedgerEntry, Target
from services.incentive.handlers.settle import Settler
from tests.incentive.plan_documents import COMMISSION, Q1, plan
from tests.incentive.running import Shop


async def test_bad_bodies_are_refused_whole_with_pointers(open_shop: Shop) -> None:
    shop = open_shop
    target = {
        "kpi": "k",
        "subject_kind": "rep",
        "subject": "ann",
        "from": "2026-01-01",
        "to": "2026-02-01",
        "value": "1",
    }
    refused = await shop.ask(
        "POST", "/v1/targets", status=422, json={"items": [target, {**target, "to": "2026-01-01"}]}
    )
    assert [e["pointer"] for e in refused["errors"]] == ["/items/1/to"]
    refused = await shop.ask("POST", "/v1/targets", status=422, json={"items": [target, target]})
    assert [(e["pointer"], e["code"]) for e in refused["errors"]] == [("/items/1", "repeated")]
    for bad in (
        {**target, "value": 1},
        {**target, "value": "-1"},
        {**target, "owner": "me"},
        {**target, "subject": ""},
        {**target, "subject": "元" * 171},
        {**target, "currency": "ZZZ"},
    ):
        await shop.ask("POST", "/v1/targets", status=422, json={"items": [bad]})
    assert len((await shop.ask("GET", "/v1/targets"))["items"]) == 2
    refused = await shop.ask("PUT", "/v1/plans/p", status=422, json=plan({**COMMISSION, "rate": "7"}))
    assert refused["type"].endswith("plan-refused")
    assert [(e["pointer"], e["code"]) for e in refused["errors"]] == [("/components/0/rate", "out-of-range")]
    refused = await shop.ask("POST", "/v1/plans/validate", status=422, json={"surprise": 1})
    assert "/surprise" in {e["pointer"] for e in refused["errors"]}
    valid = await shop.ask("POST", "/v1/plans/validate", json=plan(COMMISSION))
    assert valid["valid"]
    await shop.ask("GET", "/v1/earnings", status=422, params={"payees": "ann"})
    await shop.ask("GET", "/v1/earnings", status=422, params={"cursor": "???"})
    await shop.ask("GET", "/v1/earnings", status=422, params={"after": "x"})


async def test_there_is_one_company_to_have_a_target(open_shop: Shop) -> None:
    target = {"kpi": "sales_amount", "subject_kind": "company", "from": "2031-01-01", "to": "2032-01-01", "value": "9"}
    items = [{**target, "subject": "company"}, {**target, "subject": "acme"}]
    refused = await open_shop.ask("POST", "/v1/targets", status=422, json={"items": items})
    assert [e["pointer"] for e in refused["errors"]] == ["/items/1/subject"]
    await open_shop.ask("POST", "/v1/targets", json={"items": items[:1]})


async def test_targets_are_found_by_the_days_that_their_windows_lie_within(open_shop: Shop) -> None:
    shop = open_shop
    await shop.targets(("cat", "2031-01-01", "2031-04-01", "1"), ("cat", "2031-04-01", "2031-07-01", "2"))

    async def found(**asked: str) -> list[str]:
        items = (await shop.ask("GET", "/v1/targets", params={"subject": "cat"} | asked))["items"]
        return sorted(item["value"] for item in items)

    assert await found() == ["1", "2"]
    assert await found(**{"from": "2031-01-01", "to": "2031-04-01"}) == ["1"]
    assert await found(**{"from": "2031-01-02"}) == ["2"]
    assert await found(to="2031-07-01") == ["1", "2"]
    assert await found(to="2031-06-30") == ["1"]
    await shop.ask("GET", "/v1/targets", status=422, params={"from": "soon"})


async def test_lists_come_in_pages(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(*(shop.order(str(n), "2026-02-03", "10", "ann", "bob") for n in range(5)))
    for path in ("/v1/earnings", "/v1/earnings/lines", "/v1/targets", "/v1/payee-parameters", "/v1/plans"):
        await shop.settle()
        whole = (await shop.ask("GET", path, params={"limit": "200"}))["items"]
        found, cursor = [], ""
        while cursor is not None:
            page = await shop.ask("GET", path, params={"limit": "1", "cursor": cursor})
            found += page["items"]
            cursor = page["next_cursor"]
        assert found == whole
        assert len(whole) > 1


async def test_after_waits_for_reading_and_settling(open_shop: Shop) -> None:
    shop = open_shop
    await shop.settle()
    decided = await shop.parameters(("ann", "bonus", "51"))
    assert (await shop.ask("GET", "/v1/earnings", status=503, params={"after": decided["position"]}))["detail"]
    await shop.settle()
    await shop.ask("GET", "/v1/earnings", params={"after": decided["position"]})
    await shop.ask("GET", "/v1/earnings", params={"after": "kpi-values.3.77"})
    late = await shop.ask("GET", "/v1/earnings", status=503, params={"after": "crm-sales.0.5"})
    assert late["type"].endswith("not-yet")
    assert "crm-sales.0.0" in late["detail"]


async def test_several_settlers_at_once_post_each_difference_once(open_shop: Shop) -> None:
    shop = open_shop
    await shop.settle()
    for n in range(6):
        await shop.hear(*(shop.order(f"{n}-{m}", f"2026-02-{10 + m}", "33.333", "ann", "bob") for m in range(5)))
        settlers = [Settler(shop.database, shop.clock, "USD") for _ in range(4)]
        await asyncio.gather(*(settler.step() for settler in settlers))
    await shop.verify()
    assert (await shop.earned(component="commission"))["ann standard/commission 2026-01-01"] == "5.00"


async def test_entries_are_announced_and_targets_with_their_versions(open_shop: Shop) -> None:
    shop = open_shop
    await shop.targets(("ann", *Q1, "1500"))
    await shop.hear(shop.order("1", "2026-02-03", "100", "ann"))
    await shop.settle()
    async with shop.database.transaction() as conn:
        rows = await conn.fetch("select topic, key, value from outbox order by id")
        entries = await conn.fetchval("select count(*) from ledger_entry")
    told = [(r["topic"], msgspec.json.decode(r["value"], type=Envelope)) for r in rows]
    targets = [msgspec.json.decode(e.data, type=Target) for topic, e in told if topic == "targets"]
    assert [[v.value for v in t.versions] for t in targets if t.subject == "ann"] == [["1000"], ["1000", "1500"]]
    posted = [msgspec.json.decode(e.data, type=LedgerEntry) for topic, e in told if topic == "incentive-ledger"]
    assert len(posted) == entries == 2
    assert all(sum(p.amount_minor for p in entry.postings) == 0 for entry in posted)


async def test_who_cannot_be_settled_does_not_hold_up_the_others(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(shop.order("1", "2026-02-03", "100", "ann"), shop.order("2", "2026-02-03", "100", "bob"))
    async with shop.database.transaction() as conn:
        await conn.execute("update credit set amount = 'nonsense' where payee_id = 'ann'")
    settler = Settler(shop.database, shop.clock, "USD")
    assert await settler.step() == 1
    found = await shop.ask("GET", "/v1/earnings", params={"component": "commission"})
    assert [(item["payee_id"], item["amount"]) for item in found["items"]] == [("bob", "2.00")]
    async with shop.database.transaction() as conn:
        assert await conn.fetchval("select count(*) from due where payee_id = 'ann'") > 0
        await conn.execute("update credit set amount = '100' where payee_id = 'ann'")
    assert await shop.earned(payee="ann", component="commission") == {"ann standard/commission 2026-01-01": "1.00"}
    await shop.verify()


async def test_text_that_no_store_keeps_is_refused_not_an_error(open_shop: Shop) -> None:
    shop = open_shop
    half = '{"label": "\\ud800"}'
    for path, method in (("/v1/plans/p", "PUT"), ("/v1/plans/validate", "POST")):
        await shop.ask(method, path, status=422, content=half)
    for path in ("/v1/earnings/lines/%00", "/v1/earnings/lines/x/trace", "/v1/plans/%00", "/v1/plans/Q"):
        await shop.ask("GET", path, status=404)
    for query in ({"payee": "\0"}, {"plan": "\0"}, {"cursor": "WyJcdTAwMDAiXQ"}):
        await shop.ask("GET", "/v1/earnings", status=422, params=query)
    await shop.ask("GET", "/v1/targets", status=422, params={"cursor": "WyJcdTAwMDAiXQ"})
