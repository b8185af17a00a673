"""Rows of one object: gathered wherever they stand in the file, amended as one, and never sent by halves."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.merit.conftest import Desk

PLACED, AMENDED = "crm.order.placed.v1", "crm.order.amended.v1"
LINES = """
source: /shop
columns:
  Order: {required: true}
  Day: {type: date, required: true}
  Rep: text
  Product: text
  Price: {type: decimal, required: true}
  Pieces: {type: integer, default: 1}
  value: {compute: Price * Pieces}
outputs:
  - event: crm.order.placed.v1
    amend: crm.order.amended.v1
    when: value > 0
    group: [Order]
    time: ${min(Day)}
    data:
      order_id: ${Order}
      amount: ${sum(value)}
      currency: USD
      credits:
        - each: Rep
          rep_id: ${Rep}
          amount: ${sum(value)}
      lines:
        - each: row
          product: ${Product}
          amount: ${value}
      attributes:
        pieces: ${sum(Pieces)}
        lines: ${count()}
"""
HEADER = "Order,Day,Rep,Product,Price,Pieces\n"
ROWS = """1,2012-01-05,r1,tea,2.50,2
2,2012-01-06,r2,cup,1,
1,2012-01-04,r2,pot,10,1
1,2012-01-05,r1,tea,-1,1
"""


async def test_rows_of_one_key_are_one_event_wherever_they_stand(desk: Desk) -> None:
    summary = await desk.run(HEADER + ROWS, LINES)

    assert summary.outcomes == {PLACED: {"accepted": 2}}
    (event,) = desk.door.of("1")
    assert event["time"] == "2012-01-04T00:00:00+00:00"
    assert event["data"] == {
        "order_id": "1", "amount": "15", "currency": "USD",
        "credits": [{"rep_id": "r1", "amount": "5"}, {"rep_id": "r2", "amount": "10"}],
        "lines": [{"product": "tea", "amount": "5"}, {"product": "pot", "amount": "10"}],
        "attributes": {"pieces": "3", "lines": 2},
    }  # fmt: skip
    assert desk.door.of("2")[0]["data"]["lines"] == [{"product": "cup", "amount": "1"}]


async def test_importing_again_changes_nothing_and_one_changed_row_amends_its_object(desk: Desk) -> None:
    await desk.run(HEADER + ROWS, LINES)
    again = await desk.run(HEADER + ROWS, LINES)
    changed = await desk.run(HEADER + ROWS.replace("pot,10", "pot,11"), LINES)
    fewer = await desk.run(HEADER + ROWS.replace("1,2012-01-04,r2,pot,10,1\n", ""), LINES)

    assert again.outcomes == {PLACED: {"duplicate": 2}}
    assert changed.outcomes == {PLACED: {"duplicate": 1}, AMENDED: {"accepted": 1}}
    assert fewer.outcomes == {PLACED: {"duplicate": 1}, AMENDED: {"accepted": 1}}
    assert [event["data"]["amount"] for event in desk.door.of("1")] == ["15", "16", "5"]
    assert desk.door.standing("1")["revision"] == 2


async def test_of_an_object_with_a_bad_row_nothing_is_sent_and_all_of_it_can_be_mended(desk: Desk) -> None:
    bad = await desk.run(HEADER + ROWS.replace("pot,10", "pot,ten"), LINES)

    assert bad.outcomes == {PLACED: {"accepted": 1}}
    assert bad.faults == [
        "file.csv, line 4, column 5 (Price): 'ten' is no decimal",
        "file.csv, line 2: nothing of it is sent, because line 4 is at fault",
    ]
    (kept,) = bad.rejected_files
    with kept.open(newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == ["4", "2"], "each row once"
    mended = await desk.run(kept.read_text().replace(",ten,", ",10,"), LINES, name="mended.csv")
    assert mended.faults == []
    assert desk.door.standing("1")["amount"] == "15"


async def test_rows_that_contradict_each_other_are_told(desk: Desk) -> None:
    text = LINES.replace("time: ${min(Day)}", "time: ${Day}")
    summary = await desk.run(HEADER + ROWS, text)

    assert summary.faults == [
        "file.csv, lines 2, 4, column 2 (Day): "
        "'Day' differs within the group: '2012-01-05' in line 2, '2012-01-04' in line 4"
    ]
    assert desk.door.of("1") == []


async def test_a_row_without_its_group_is_a_fault(desk: Desk) -> None:
    text = LINES.replace("Order: {required: true}", "Order: text")
    summary = await desk.run(HEADER + ROWS + ",2012-01-06,r2,cup,1,\n", text)

    assert summary.faults == ["file.csv, line 6: what it is grouped by (Order) is empty"]
    assert summary.outcomes == {PLACED: {"accepted": 2}}


async def test_several_reps_in_one_cell_share_evenly(desk: Desk) -> None:
    text = """
source: /shop
columns:
  Order: {required: true}
  Day: {type: date, required: true}
  Reps: {split: "/", aliases: {Ann: a, Bob: b}}
  Sum: {type: decimal, decimal_mark: ","}
outputs:
  - event: crm.order.placed.v1
    key: [Order]
    time: ${Day}
    data:
      order_id: ${Order}
      amount: ${Sum}
      currency: USD
      credits:
        - each: Reps
          rep_id: ${Reps}
          share: ${even(1)}
  - resource: people
    group: [Reps]
    item: {person_id: "${Reps}", name: "Rep ${Reps}"}
"""
    rows = 'Order,Day,Reps,Sum\n1,2012-01-05,Ann / Bob/c,"9,5"\n2,2012-01-05,Bob,1\n3,2012-01-05,,1\n'
    summary = await desk.run(rows, text)

    assert summary.faults == []
    credits = [desk.door.of(order)[0]["data"]["credits"] for order in "123"]
    assert [(c["rep_id"], c["share"]) for c in credits[0]] == [
        ("a", "0.3333333334"), ("b", "0.3333333333"), ("c", "0.3333333333")
    ]  # fmt: skip
    assert credits[1:] == [[{"rep_id": "b", "share": "1"}], []]
    assert [person["person_id"] for person in desk.door.items["/v1/people"]] == ["a", "b", "c"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 99)), min_size=1, max_size=30),
    chance=st.randoms(use_true_random=False),
)
async def test_the_order_of_the_rows_does_not_matter_to_sums(
    rows: list[tuple[int, int]], chance: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = LINES[: LINES.index("      lines:")]
    for _ in range(2):
        desk = Desk(tmp_path_factory.mktemp("desk"))
        chance.shuffle(rows)
        await desk.run(HEADER + "".join(f"{order},2012-01-05,r1,x,{price}.10,3\n" for order, price in rows), text)
        for order in {order for order, _ in rows}:
            whole = sum(3 * (price + Decimal("0.10")) for known, price in rows if known == order)
            assert Decimal(desk.door.standing(str(order))["amount"]) == whole


MEASURE = """
import asyncio, datetime as dt, resource, sys, zoneinfo
from pathlib import Path
from merit.importing import mapping
from merit.importing.dry_run import DryRun, rules
from merit.importing.run import Import
folder = Path(sys.argv[1])
door = DryRun(rules(zoneinfo.ZoneInfo("UTC"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
job = Import(folder / "file.csv", mapping.load(folder / "mapping.yaml"), door, folder / "journals", "x")
summary = asyncio.run(job.run())
assert not summary.faults, summary.faults
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


REPS = """
columns: {Rep: text}
outputs:
  - resource: people
    group: [Rep]
    item: {person_id: "${Rep}", name: "Rep ${Rep}"}
"""


def peak_kib(folder: Path, orders: int, text: str) -> int:
    """The most memory that a process of its own holds to import three scattered rows per order."""
    folder.mkdir()
    (folder / "mapping.yaml").write_text(text)
    with (folder / "file.csv").open("w") as file:
        file.write(HEADER)
        for turn in range(3):
            for order in range(orders):
                file.write(f"{order},2012-01-05,r{turn},a product with a name of some length {turn},{turn + 1},1\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, folder], check=True, capture_output=True, text=True, env=environment
    )
    return int(told.stdout) // (1024 if sys.platform == "darwin" else 1)


@pytest.mark.parametrize("text", [LINES, REPS], ids=["orders of three rows", "three reps of all rows"])
def test_memory_stays_flat_however_long_the_file_is(text: str, tmp_path: Path) -> None:
    """Sixteen times the rows, which are scattered and grouped: kept in memory they would be 60 MB more."""
    few, many = peak_kib(tmp_path / "few", 2_000, text), peak_kib(tmp_path / "many", 32_000, text)
    assert many - few < 30_000


async def test_rows_that_say_nothing_new_are_passed_over_only_where_that_makes_no_difference(desk: Desk) -> None:
    text = """
source: /shop
columns: {Order: text, Day: date, Rep: text, Sum: decimal}
outputs:
  - event: crm.order.placed.v1
    group: [Order]
    time: ${max(Day)}
    data: {order_id: "${Order}", amount: "${sum(Sum)}", currency: USD, credits: []}
  - resource: people
    group: [Rep]
    item: {person_id: "${Rep}", name: "${last(Order)}"}
  - resource: teams
    group: [Rep]
    item: {team_id: "${Rep}", name: "${first(Order)}"}
"""
    row = "1,2012-01-05,r,2\n"
    await desk.run("Order,Day,Rep,Sum\n" + row + row + "2,2012-01-04,r,3\n" + row, text)

    assert [desk.door.of(order)[0]["data"]["amount"] for order in "12"] == ["6", "3"]
    assert [person["name"] for person in desk.door.items["/v1/people"]] == ["1"], "the last, though it was there before"
    assert [team["name"] for team in desk.door.items["/v1/teams"]] == ["1"]
