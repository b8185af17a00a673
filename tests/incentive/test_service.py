"""From events and decisions to what each payee is paid: cancels, refunds, late orders, changed decisions."""

from __future__ import annotations

import random

from tests.incentive.plan_documents import COMMISSION, Q1, plan
from tests.incentive.running import Shop


async def test_an_order_becomes_earnings_and_a_split_goes_to_each(open_shop: Shop) -> None:
    await open_shop.hear(open_shop.order("1", "2026-02-03", "1600.00", "ann", "bob"))
    await open_shop.hear(open_shop.order("2", "2026-02-04", "400.10", "ann"))
    assert await open_shop.earned() == {
        "ann accelerator/accelerated 2026-01-01": "13.00",  # 10.00 + 200.10 × 1.5 %
        "ann standard/bonus 2026-01-01": "50.00",
        "ann standard/commission 2026-01-01": "12.00",
        "bob accelerator/accelerated 2026-01-01": "16.00",
        "bob standard/commission 2026-01-01": "16.00",
    }
    await open_shop.verify()


async def test_cancel_and_refund_are_reversals_and_nothing_is_edited(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(shop.order("1", "2026-02-03", "1000", "ann"), shop.order("2", "2026-03-01", "500", "ann"))
    assert (await shop.earned(payee="ann"))["ann standard/bonus 2026-01-01"] == "50.00"
    await shop.hear(shop.event("refunded", "1", "2026-04-20", amount="600"))
    assert await shop.earned() == {
        "ann accelerator/accelerated 2026-01-01": "9.00",
        "ann standard/commission 2026-01-01": "9.00",
    }
    await shop.hear(shop.event("cancelled", "1", "2026-05-01"), shop.event("cancelled", "2", "2026-05-01"))
    assert await shop.earned() == {}
    bonus = next(line for line in await shop.lines() if line["component"] == "bonus")
    assert bonus["credit"] is None
    entries = (await shop.ask("GET", f"/v1/earnings/lines/{bonus['line_id']}"))["entries"]
    assert [(e["kind"], [p["amount"] for p in e["postings"]]) for e in entries] == [
        ("award", ["50.00", "-50.00"]),
        ("reversal", ["-50.00", "50.00"]),
    ]
    assert [p["account"] for p in entries[0]["postings"]] == ["expense:bonus", "payable:ann"]
    assert entries[1]["previous_entry_id"] == entries[0]["entry_id"]
    (first,) = [x for x in await shop.lines(component="commission") if x["credit"]["order_id"] == "1"]
    entries = (await shop.ask("GET", f"/v1/earnings/lines/{first['line_id']}"))["entries"]
    assert [e["kind"] for e in entries] == ["award", "adjustment", "reversal"]
    assert {"source": "crm", "id": "cancelled-1"} in entries[-1]["causes"]
    await shop.verify()


async def test_a_trace_tells_the_derivation_and_replays(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(shop.order("1", "2026-02-03", "900", "ann"), shop.order("2", "2026-02-04", "200.555", "ann"))
    line = next(x for x in await shop.lines(component="accelerated") if x["credit"]["order_id"] == "2")
    trace = await shop.ask("GET", f"/v1/earnings/lines/{line['line_id']}/trace")
    assert (trace["amount"], trace["replayed"], trace["equal"]) == ("2.51", "2.51", True)
    given = trace["derivation"]["given"]
    assert given["causes"] == [{"source": "crm", "id": "placed-2"}]
    assert given["target"]["value"] == "1000"
    assert given["parameters"][0] | {"valid_to": None} == {
        "name": "commission_rate",
        "value": "0.01",
        "valid_from": "2020-01-01",
        "valid_to": None,
        "version": 1,
    }
    assert (given["measure_before"], given["measure_after"], given["earned_before"]) == ("900", "1100.555", "9")
    assert trace["derivation"]["walk_after"] == [
        {"band": 0, "portion": "1000", "rate": "0.01", "flat": "0", "earning": "10"},
        {"band": 1, "portion": "100.555", "rate": "0.015", "flat": "0", "earning": "1.508325"},
    ]
    assert (trace["derivation"]["rounded_before"], trace["derivation"]["rounded_after"]) == (900, 1151)


async def test_any_arrival_order_twice_over_in_any_batches_gives_the_same(open_shop: Shop) -> None:
    shop, dice = open_shop, random.Random(7)
    events = []
    for n in range(12):
        day = f"2026-0{1 + n % 4}-{10 + n}"
        events.append(
            shop.order(
                str(n), day, f"{dice.randint(1, 90_000)}.{dice.randint(0, 9999):04}", *["ann", "bob"][: 1 + n % 2]
            )
        )
    events.append(shop.order("3", "2026-02-20", "77.77", "bob", kind="amended", revision=2))
    events.append(shop.event("refunded", "4", "2026-02-21", amount="20", refund_id="r"))
    events += [shop.event("cancelled", "5", "2026-02-22"), shop.event("cancelled", "unheard-of", "2026-02-22")]
    await shop.hear(*events)
    straight = {line["line_id"]: line["amount"] for line in await shop.lines(limit="200") if line["amount"] != "0.00"}
    assert len(straight) > 20
    async with shop.database.transaction() as conn:
        for table in ("seen", "order_history"):
            await conn.execute(f"delete from {table}")
        await conn.execute("insert into due (payee_id, since, until) values ('ann', '2026-01-01', '2027-01-01')")
        await conn.execute("insert into due (payee_id, since, until) values ('bob', '2026-01-01', '2027-01-01')")
        await conn.execute("delete from credit")
    assert await shop.earned() == {}
    shuffled = events * 2
    dice.shuffle(shuffled)
    for start in range(0, len(shuffled), 3):
        await shop.hear(*shuffled[start : start + 3])
        await shop.settle()
    again = {line["line_id"]: line["amount"] for line in await shop.lines(limit="200") if line["amount"] != "0.00"}
    assert again == straight
    await shop.verify()


async def test_a_mark_crossed_up_down_and_up_again_is_one_award(open_shop: Shop) -> None:
    shop = open_shop
    for revision, amount in enumerate(("1000", "999", "1200", "1300")):
        kind = "amended" if revision else "placed"
        await shop.hear(shop.order("1", "2026-02-03", amount, "ann", kind=kind, id=str(revision), revision=revision))
        await shop.settle()
    (bonus,) = await shop.lines(component="bonus")
    entries = (await shop.ask("GET", f"/v1/earnings/lines/{bonus['line_id']}"))["entries"]
    assert [e["kind"] for e in entries] == ["award", "reversal", "adjustment"]
    assert bonus["amount"] == "50.00"
    await shop.verify()


async def test_an_order_that_moves_to_another_day_moves_its_pay(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(shop.order("1", "2026-03-31", "100", "ann"))
    assert await shop.earned(component="commission") == {"ann standard/commission 2026-01-01": "1.00"}
    moved = shop.order("1", "2026-03-31", "100", "ann", kind="amended", revision=1, business_date="2026-04-01")
    await shop.hear(moved)
    assert await shop.earned(component="commission") == {"ann standard/commission 2026-04-01": "1.00"}
    await shop.hear(shop.order("1", "2026-03-31", "100", "bob", kind="amended", revision=2, id="to-bob"))
    assert await shop.earned(component="commission") == {"bob standard/commission 2026-04-01": "2.00"}
    await shop.verify()


async def test_the_first_in_the_log_of_an_identity_stands(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(shop.order("1", "2026-02-03", "100", "ann"))
    await shop.hear(shop.order("1", "2026-02-03", "999", "ann"))
    assert (await shop.earned())["ann standard/commission 2026-01-01"] == "1.00"


async def test_who_is_unknown_earns_when_they_appear(open_shop: Shop) -> None:
    shop = open_shop
    await shop.parameters(("cat", "commission_rate", "0.5"))
    await shop.hear(shop.order("1", "2026-02-03", "100", "cat"))
    assert await shop.earned() == {}
    await shop.people("cat")
    assert await shop.earned() == {"cat standard/commission 2026-01-01": "50.00"}


async def test_an_overlay_earns_on_top(open_shop: Shop) -> None:
    credits = [{"rep_id": "ann", "share": "1"}, {"rep_id": "bob", "share": "0.5", "overlay": True}]
    await open_shop.hear(open_shop.order("1", "2026-02-03", "100", credits=credits))
    assert (await open_shop.earned(component="commission")) == {
        "ann standard/commission 2026-01-01": "1.00",
        "bob standard/commission 2026-01-01": "1.00",
    }


async def test_a_decision_re_rates_what_it_touches_and_only_that(open_shop: Shop) -> None:
    shop = open_shop
    await shop.hear(shop.order("1", "2026-02-03", "1000", "ann"), shop.order("2", "2026-05-03", "1000", "ann"))
    before = await shop.earned()
    assert before["ann standard/bonus 2026-01-01"] == "50.00"
    again = await shop.targets(("ann", *Q1, "1000.00"))
    assert [item["outcome"] for item in again["items"]] == ["unchanged"]
    assert again["position"] is None
    changed = await shop.targets(("ann", *Q1, "2000"))
    assert [item["outcome"] for item in changed["items"]] == ["changed"]
    assert await shop.earned() == {k: v for k, v in before.items() if "bonus" not in k}
    body = {"items": [{"payee_id": "ann", "name": "commission_rate", "value": "0.03", "valid_from": "2026-05-01"}]}
    await shop.ask("POST", "/v1/payee-parameters", json=body)
    after = await shop.earned(component="commission")
    assert after == {"ann standard/commission 2026-01-01": "10.00", "ann standard/commission 2026-04-01": "30.00"}
    await shop.plan("standard", plan({**COMMISSION, "rate": "0.5"}, valid_from="2026-04-01"))
    assert (await shop.earned(component="commission"))["ann standard/commission 2026-04-01"] == "500.00"
    assert (await shop.earned(component="commission"))["ann standard/commission 2026-01-01"] == "10.00"
    await shop.verify()


async def test_assignment_by_team_is_as_dated(shop: Shop) -> None:
    await shop.people(ann=[("team", "north", "2026-01-01", "2026-03-01")], bob=[("team", "south", "2020-01-01", None)])
    await shop.plan("p", plan({**COMMISSION, "rate": "0.1"}, assigned_to={"teams": ["north"]}))
    await shop.hear(
        *(shop.order(f"{rep}{day}", day, "100", rep) for rep in ("ann", "bob") for day in ("2026-02-28", "2026-03-01"))
    )
    assert [(x["payee_id"], x["earned_on"]) for x in await shop.lines()] == [("ann", "2026-02-28")]
    await shop.people(bob=[("team", "north", "2026-03-01", None)])
    assert [(x["payee_id"], x["earned_on"]) for x in await shop.lines() if x["amount"] != "0.00"] == [
        ("ann", "2026-02-28"),
        ("bob", "2026-03-01"),
    ]


async def test_a_target_that_moves_takes_its_window_along(open_shop: Shop) -> None:
    """Another boundary is another target: the old one stays until it is zero, and then pays nothing."""
    shop = open_shop
    await shop.hear(shop.order("1", "2026-02-03", "1000", "ann"))
    await shop.targets(("ann", *Q1, "0"), ("ann", "2026-02-01", "2026-03-01", "500"))
    assert await shop.earned(component="accelerated") == {"ann accelerator/accelerated 2026-02-01": "12.50"}
    await shop.verify()


async def test_what_a_plan_is_not_about_is_passed_over(open_shop: Shop) -> None:
    """Types that nothing is paid on, today's and tomorrow's, leave every credit as it is."""
    shop = open_shop
    paid = shop.order("1", "2026-02-03", "1000", "ann")
    money = {"amount": "1000", "currency": "USD"}
    others = [
        shop.event("", "1", "2026-02-03", name, **money) | {"type": f"crm.{name}.v1"}
        for name in ("opportunity.won", "credit_note.issued", "later.added")
    ]
    await shop.hear(others[0], paid, *others[1:])
    assert (await shop.earned())["ann standard/commission 2026-01-01"] == "10.00"
    await shop.verify()
