"""What a caller may see: own, the tree as dated, or all; a foreign id is a 404."""

from __future__ import annotations

from tests.incentive.plan_documents import COMMISSION, plan
from tests.incentive.running import Shop


async def test_scopes_are_own_tree_as_dated_and_all(open_shop: Shop) -> None:
    shop = open_shop
    await shop.people("boss", "top", ann=[("manager", "boss", "2026-01-01", "2026-03-01")])
    await shop.people(boss=[("manager", "top", "2026-02-01", None)])
    for n, day in enumerate(("2026-01-10", "2026-02-10", "2026-03-10")):
        await shop.hear(shop.order(f"a{n}", day, "100", "ann"), shop.order(f"b{n}", day, "100", "bob"))

    async def seen(scope: str, person: str | None) -> set[str]:
        found = await shop.lines(f"earnings.read:{scope}", person, component="commission")
        return {line["credit"]["order_id"] for line in found}

    assert await seen("own", "ann") == {"a0", "a1", "a2"}
    assert await seen("tree", "boss") == {"a0", "a1"}
    assert await seen("tree", "top") == {"a1"}
    assert await seen("own", "boss") == set()
    assert await seen("own", None) == set()
    assert await seen("source", "ann") == {"a0", "a1", "a2"}
    assert await seen("all", None) == {"a0", "a1", "a2", "b0", "b1", "b2"}
    assert (await shop.earned("earnings.read:tree", "boss", component="commission"))[
        "ann standard/commission 2026-01-01"
    ] == "2.00"
    line = next(x for x in await shop.lines() if x["payee_id"] == "bob")["line_id"]
    for path in (f"/v1/earnings/lines/{line}", f"/v1/earnings/lines/{line}/trace"):
        await shop.ask("GET", path, "earnings.read:own", "bob")
        foreign = await shop.ask("GET", path, "earnings.read:own", "ann", status=404)
        unknown = await shop.ask("GET", path.replace(line, "0" * 32), "earnings.read:own", "ann", status=404)
        assert foreign["type"] == unknown["type"]
        assert foreign["detail"] == unknown["detail"]
    own = await shop.ask("GET", "/v1/ledger/balance", "earnings.read:own", "bob")
    assert own["items"][0]["net"] == "12.00"
    assert own["totals"] == [{"currency": "USD", "net": "0.00"}]


async def test_targets_parameters_and_plans_keep_to_the_scope(open_shop: Shop) -> None:
    shop = open_shop
    await shop.people("boss", ann=[("manager", "boss", "2026-01-01", "2026-03-01")])
    await shop.plan("bobs", plan(COMMISSION, assigned_to={"people": ["bob"]}))
    targets = await shop.ask("GET", "/v1/targets", "targets.read:own", "bob")
    assert [t["subject"] for t in targets["items"]] == ["bob"]
    targets = await shop.ask("GET", "/v1/targets", "targets.read:tree", "boss")
    assert [t["subject"] for t in targets["items"]] == ["ann"]
    parameters = await shop.ask("GET", "/v1/payee-parameters", "parameters.read:tree", "boss")
    assert {p["payee_id"] for p in parameters["items"]} == {"ann"}
    plans = await shop.ask("GET", "/v1/plans", "plans.read:own", "ann")
    assert [p["key"] for p in plans["items"]] == ["accelerator", "standard"]
    await shop.ask("GET", "/v1/plans/bobs", "plans.read:own", "ann", status=404)
    assert (await shop.ask("GET", "/v1/plans/bobs", "plans.read:own", "bob"))["version"] == 1
    for path, permission in (("/v1/targets", "targets"), ("/v1/payee-parameters", "parameters")):
        item = {"items": []}
        await shop.ask("POST", path, f"{permission}.read:all", status=403, json=item)
    good = {"items": [{"payee_id": "ann", "name": "bonus", "value": "9999", "valid_from": "2026-01-01"}]}
    await shop.ask("POST", "/v1/payee-parameters", "parameters.write:own", "ann", status=403, json=good)
    await shop.ask("PUT", "/v1/plans/mine", "plans.write:tree", "ann", status=403, json=plan(COMMISSION))
