"""Columns of other files: found by key, missing, found twice, or at fault; and several files by one mapping."""

from __future__ import annotations

import pytest

from merit.home import MeritError
from merit.importing.places import MappingRefused
from tests.merit.conftest import Desk

LINES = """
source: /shop
steps:
  - file: staff.csv
    columns:
      Name: {clean: [spaces, title], required: true}
      Id: {required: true}
    outputs:
      - resource: people
        item: {person_id: "${Id}", name: "${Name}"}
  - file: lines.csv
    columns:
      Order: {required: true}
      Price: {type: decimal, required: true}
    join:
      - file: orders.csv
        on: Order
        required: true
        columns:
          Order: text
          Day: {type: date, required: true}
          Seller: {clean: [spaces, title], aliases: {Bob: Robert Roe}}
      - file: staff.csv
        on: {Seller: Name}
        columns:
          Name: {clean: [spaces, title]}
          Id: text
    outputs:
      - event: crm.order.placed.v1
        amend: crm.order.amended.v1
        group: [Order]
        time: ${Day}
        data:
          order_id: ${Order}
          amount: ${sum(Price)}
          currency: USD
          credits:
            - when: Id
              rep_id: ${Id}
              share: "1"
"""
STAFF = "Name,Id\nann  poe,7\nROBERT ROE,8\n"
ORDERS = "Order,Day,Seller\n1,2012-01-05, Ann Poe\n2,2012-01-06,bob\n3,2012-01-07,Zoe\n"
ROWS = "Order,Price\n1,10\n2,5\n1,0.5\n3,1\n"


def lay(desk: Desk, **files: str) -> None:
    for name, text in {"staff": STAFF, "orders": ORDERS, "lines": ROWS, **files}.items():
        (desk.folder / f"{name}.csv").write_text(text)


async def test_a_folder_is_imported_step_by_step(desk: Desk) -> None:
    lay(desk)
    summary = await desk.import_path(desk.folder, LINES)

    assert summary.faults == []
    assert summary.rows == 6, "the rows of each file that a step reads"
    assert [person["name"] for person in desk.door.items["/v1/people"]] == ["Ann Poe", "Robert Roe"]
    found = {order: desk.door.of(order)[0]["data"] for order in "123"}
    assert [found[order]["amount"] for order in "123"] == ["10.5", "5", "1"]
    assert [[c["rep_id"] for c in found[order]["credits"]] for order in "123"] == [["7"], ["8"], []]
    assert desk.door.of("2")[0]["time"] == "2012-01-06T00:00:00+00:00"


async def test_a_change_in_a_joined_file_amends_what_it_is_joined_to(desk: Desk) -> None:
    lay(desk)
    await desk.import_path(desk.folder, LINES)
    lay(desk, orders=ORDERS.replace("bob", "Ann Poe"))
    summary = await desk.import_path(desk.folder, LINES)

    assert summary.outcomes["crm.order.amended.v1"] == {"accepted": 1}
    assert desk.door.standing("2")["credits"] == [{"rep_id": "7", "share": "1"}]


async def test_one_file_of_the_folder_goes_through_its_own_steps(desk: Desk) -> None:
    lay(desk)
    summary = await desk.import_path(desk.folder / "lines.csv", LINES)

    assert summary.outcomes == {"crm.order.placed.v1": {"accepted": 3}}
    assert "/v1/people" not in desk.door.items


async def test_rejected_rows_of_a_folder_can_be_mended_beside_it(desk: Desk) -> None:
    lay(desk, lines=ROWS.replace("2,5", "2,five"))
    summary = await desk.import_path(desk.folder, LINES)
    (kept,) = summary.rejected_files
    assert kept.name == "lines.csv.rejected.csv"
    kept.write_text(kept.read_text().replace(",five", ",5"))
    mended = await desk.import_path(kept, LINES)

    assert mended.outcomes == {"crm.order.placed.v1": {"accepted": 1}}


async def test_without_a_match_a_required_one_is_a_fault_with_its_key(desk: Desk) -> None:
    lay(desk, lines=ROWS + "9,1\n")
    summary = await desk.import_path(desk.folder, LINES)

    assert summary.faults == [
        "lines.csv, line 6, column 1 (Order): orders.csv has no row for '9'",
    ]


async def test_two_matches_are_a_fault_unless_many_are_wanted(desk: Desk) -> None:
    lay(desk, orders=ORDERS + "1,2012-01-09,Ann Poe\n")
    summary = await desk.import_path(desk.folder, LINES)
    assert summary.faults[0] == "lines.csv, line 2, column 1 (Order): orders.csv has 2 rows for '1'"

    text = LINES.replace("on: Order\n        required: true", "on: Order\n        many: true")
    many = await desk.import_path(desk.folder, text.replace("time: ${Day}", "time: ${min(Day)}"))
    assert many.faults == []
    assert desk.door.standing("1")["amount"] == "21"


async def test_a_bad_row_of_a_joined_file_spoils_what_would_be_joined_to_it(desk: Desk) -> None:
    lay(desk, orders=ORDERS.replace("2012-01-06", "soon"))
    summary = await desk.import_path(desk.folder, LINES)

    assert summary.faults == [
        "orders.csv, line 3, column 2 (Day): 'soon' is no date in ISO 8601",
        "lines.csv, line 3, column 1 (Order): what is joined to it cannot be read: "
        "orders.csv, line 3, column 2 (Day): 'soon' is no date in ISO 8601",
    ]
    assert [bool(desk.door.of(order)) for order in "123"] == [True, False, True]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("on: Order", "on: Ordre", "there is no column 'Ordre' here; did you mean 'Order'?"),
        ("on: {Seller: Name}", "on: {Seller: Nam}", "the joined file has no column 'Nam' here; did you mean 'Name'?"),
        ("          Id: text", "          Day: text", "there is a column 'Day' already"),
        ("          Id: text", "          Id: {compute: Name}", "columns of a joined file are not computed"),
        ("on: Order\n        required: true", "on: Order\n        required: 1", "this is true or false"),
        ("group: [Order]", "group: [row]", "'group' names columns"),
        ("      Price: {type", "      the price: {type", "'the price' cannot be named in an expression"),
        ("      Price: {type", "      lambda: {type", "'lambda' cannot be named in an expression"),
        ("clean: [spaces, title], required", "clean: [spaces, tidy], required", "'tidy' is no way to clean a text"),
        ("Order: text", "Order: {pattern: '(a)(b)'}", "a pattern has one group at most"),
        ("Order: text", "Order: {pattern: '('}", "this is no regular expression"),
        ("sum(Price)", "sum(Order)", "sum wants a number"),
        ("        group: [Order]\n", "", "'key' is missing here"),
    ],
)  # fmt: skip
def test_faults_of_joins_and_groups_have_their_place(desk: Desk, before: str, after: str, says: str) -> None:
    assert before in LINES
    with pytest.raises(MappingRefused) as caught:
        desk.mapping(LINES.replace(before, after, 1))
    assert any(says in fault.text for fault in caught.value.faults), caught.value.faults


async def test_a_joined_file_without_a_column_is_refused_at_its_place(desk: Desk) -> None:
    lay(desk, staff="Name,Nr\nann poe,7\n")
    with pytest.raises(MappingRefused, match=r"mapping.yaml, line 7, column 7: the file staff.csv has no column 'Id'"):
        await desk.import_path(desk.folder, LINES)


async def test_nothing_is_sent_unless_every_file_is_there_with_its_columns(desk: Desk) -> None:
    lay(desk, lines="Order,Sum\n1,1\n", orders="Order,Day\n")
    with pytest.raises(MappingRefused) as refused:
        await desk.import_path(desk.folder, LINES)
    (desk.folder / "orders.csv").unlink()
    with pytest.raises(MeritError, match=r"orders\.csv cannot be read"):
        await desk.import_path(desk.folder, LINES)

    assert len(refused.value.faults) == 2
    assert desk.door.requests == 0


async def test_a_file_that_no_step_reads_is_told(desk: Desk) -> None:
    lay(desk, prices="A\n1\n")
    with pytest.raises(MeritError, match=r"is for staff\.csv, lines\.csv, or a folder with them, not for prices\.csv"):
        await desk.import_path(desk.folder / "prices.csv", LINES)


async def test_a_mapping_of_a_single_file_takes_no_folder(desk: Desk) -> None:
    from tests.merit.conftest import ORDERS as ONE_FILE

    with pytest.raises(MeritError, match="is for a single file"):
        await desk.import_path(desk.folder, ONE_FILE)
