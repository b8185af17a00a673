"""A dry run: the first events, the counts and every fault with its place, by the door's own rules, and no trace."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from merit.__main__ import main
from merit.importing.dry_run import DryRun, rules, traceless
from merit.importing.run import Import, Summary
from tests.merit.conftest import ORDERS, Desk

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
HEADER = "Id,Day,Rep,Sum\n"
PLACED = "crm.order.placed.v1"


async def dry(desk: Desk, rows: str, text: str = ORDERS, catalogue: Any = ()) -> tuple[Summary, DryRun]:
    file = desk.folder / "file.csv"
    file.write_text(rows)
    door = DryRun(rules(ZoneInfo("UTC"), NOW, catalogue))
    with traceless(desk.folder / "journals") as scratch:
        job = Import(file, desk.mapping(text), door, scratch, "dry", "UTC", scratch)
        return await job.run(), door


async def test_every_fault_has_its_line_and_column(desk: Desk) -> None:
    rows = HEADER + "1,2026-01-05,r1,10\n2,2026-13-05,r1,10\n3,2027-01-05,r1,10\n4,2026-01-05,r1,-5\n,2026-01-05,r1,5\n"
    summary, door = await dry(desk, rows)

    assert summary.faults == [
        "file.csv, line 3, column 2 (Day): '2026-13-05' is no date in ISO 8601",
        "file.csv, line 6, column 1 (Id): is empty",
        "file.csv, line 4, column 2 (Day): faulty: /time 2027-01-05 is later than tomorrow in UTC",
        "file.csv, line 5, column 4 (Sum): faulty: /data/amount '-5' is negative: "
        "amounts are positive and subtracted by their kind",
    ]
    assert summary.outcomes == {PLACED: {"sound": 1, "faulty": 2}}
    assert [event["data"]["order_id"] for event in door.first[PLACED]] == ["1", "3"]


async def test_a_fault_within_a_list_leads_to_the_column_behind_it(desk: Desk) -> None:
    text = ORDERS.replace('share: "1"', 'share: "${Sum}"').replace("amount: ${Sum}", 'amount: "1"')
    summary, _ = await dry(desk, HEADER + "1,2026-01-05,r1,10\n", text)

    assert summary.faults[0].startswith("file.csv, line 2, column 4 (Sum): faulty: /data/credits/0/share")


async def test_what_the_installation_requires_is_looked_at_too(desk: Desk) -> None:
    region = {"name": "region", "version": 1, "type": "text", "required": True, "event_types": [PLACED], "active": True,
              "decided_by": "a", "decided_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    catalogue = [{"type": PLACED, "required": ["/data/customer_id"], "custom_fields": [region]}]
    summary, _ = await dry(desk, HEADER + "1,2026-01-05,r1,10\n", catalogue=catalogue)

    (fault,) = summary.faults
    assert "/data/customer_id this installation requires it" in fault
    assert "/data/attributes/region region must be filled in" in fault


async def test_items_are_held_to_the_shapes_of_the_api(desk: Desk) -> None:
    text = """
columns: {Id: text, Name: text, From: date, Value: text}
outputs:
  - resource: people
    item: {person_id: "${Id}", name: "${Name}"}
  - resource: targets
    when: Value
    item: {kpi: k, subject_kind: rep, subject: "${Id}", from: "${From}", to: "${From}", value: "${Value}"}
"""
    rows = f"Id,Name,From,Value\n1,Ann,2026-01-01,5\n2,{'x' * 201},,\n3,,2026-01-01,many\n"
    summary, door = await dry(desk, rows, text)

    places = [fault.partition(": refused")[0] for fault in summary.faults]
    assert places == ["file.csv, line 3, column 2 (Name)", "file.csv, line 4, column 2 (Name)",
                      "file.csv, line 4, column 4 (Value)"]  # fmt: skip
    assert [person["person_id"] for person in door.first["people"]] == ["1"]


async def test_it_tells_what_has_changed_and_leaves_no_trace(desk: Desk) -> None:
    await desk.run(HEADER + "1,2026-01-05,r1,10\n2,2026-01-05,r1,10\n")
    kept = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    changed = HEADER + "1,2026-01-05,r1,11\n2,2026-01-05,r1,10\n3,never,r1,1\n"
    summary, _ = await dry(desk, changed)

    assert summary.outcomes == {PLACED: {"sound": 1}, "crm.order.amended.v1": {"sound": 1}}
    now = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    assert {path.name for path in now if now[path] != kept.get(path)} == {"file.csv"}
    sent = await desk.run(changed)
    assert sent.outcomes == {PLACED: {"duplicate": 1}, "crm.order.amended.v1": {"accepted": 1}}


def test_the_command_shows_the_first_events_the_counts_and_every_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "mapping.yaml").write_text(ORDERS)
    bad = "".join(f"{number},never,r1,1\n" for number in range(2, 42))
    (tmp_path / "orders.csv").write_text(HEADER + "1,2026-01-05,[r1],10\n" + bad)
    code = main(["import", str(tmp_path / "orders.csv"), "--mapping", str(tmp_path / "mapping.yaml"), "--dry-run"])
    said = capsys.readouterr().out

    assert code == 1
    assert said.count("is no date in ISO 8601") == 40, "every fault, however many there are"
    assert "orders.csv, line 42, column 2 (Day): 'never' is no date" in said
    assert f"{PLACED}, the first" in said
    assert json.dumps("[r1]") in said
    assert "41 rows, 40 faults; nothing was sent" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mapping.yaml", "orders.csv"]


def test_a_shipped_mapping_is_called_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIT_HOME", str(tmp_path / "home"))
    columns = ("Order ID", "Order Date", "Customer ID", "Region", "State", "Segment", "Ship Mode", "Product ID",
               "Category", "Sales", "Quantity", "Profit")  # fmt: skip
    order = "A,2017-01-02,c,East,Ohio,Consumer,Second"
    rows = [",".join(columns), f"{order},p,Chairs,10.5,2,-1", f"{order},q,Chairs,1,1,0"]
    (tmp_path / "superstore.csv").write_text("\n".join(rows))
    code = main(["import", str(tmp_path), "--mapping", "superstore", "--dry-run"])
    said = capsys.readouterr().out

    assert code == 0, said
    assert "2 rows, no fault; nothing was sent" in said
    assert '"amount": "11.5"' in said
