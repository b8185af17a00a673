"""Importing again changes nothing, a changed row amends, a bad row is reported and the rest goes on."""

from __future__ import annotations

import csv
import gzip
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merit.home import MeritError
from merit.importing.places import MappingRefused
from tests.merit.conftest import Desk, RememberingDoor

PLACED, AMENDED = "crm.order.placed.v1", "crm.order.amended.v1"
HEADER = "Id,Day,Rep,Sum\n"
TWO = HEADER + "1,2012-01-05,r1,10.50\n2,2012-01-06,,20\n"


async def test_rows_become_placed_events(desk: Desk) -> None:
    summary = await desk.run(TWO)

    assert summary.outcomes == {PLACED: {"accepted": 2}}
    first, second = desk.door.of("1")[0], desk.door.of("2")[0]
    assert first["type"] == PLACED
    assert first["time"] == "2012-01-05T00:00:00+00:00"
    assert first["data"] == {
        "order_id": "1", "amount": "10.5", "currency": "USD", "credits": [{"rep_id": "r1", "share": "1"}]
    }  # fmt: skip
    assert second["data"]["credits"] == []
    assert summary.position == "crm-sales.0.2"


async def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    await desk.run(TWO)
    again = await desk.run(TWO)

    assert again.outcomes == {PLACED: {"duplicate": 2}}
    assert len(desk.door.events) == 2


async def test_one_changed_amount_is_exactly_one_amended_event(desk: Desk) -> None:
    await desk.run(TWO)
    changed = await desk.run(TWO.replace("10.50", "11"))

    assert changed.outcomes == {PLACED: {"duplicate": 1}, AMENDED: {"accepted": 1}}
    amended = desk.door.of("1")[1]
    assert (amended["type"], amended["data"]["amount"], amended["data"]["revision"]) == (
        "crm.order.amended.v1",
        "11",
        1,
    )
    assert len(desk.door.events) == 3


async def test_a_change_that_says_the_same_is_none(desk: Desk) -> None:
    await desk.run(TWO)
    again = await desk.run(TWO.replace("10.50", "10.5"))

    assert again.outcomes == {PLACED: {"duplicate": 2}}


async def test_the_old_file_again_brings_the_old_state_back(desk: Desk) -> None:
    await desk.run(TWO)
    await desk.run(TWO.replace("10.50", "11"))
    back = await desk.run(TWO)
    once_more = await desk.run(TWO)

    assert back.outcomes == {PLACED: {"duplicate": 1}, AMENDED: {"accepted": 1}}
    assert desk.door.standing("1") == desk.door.of("1")[0]["data"] | {"revision": 2}
    assert once_more.outcomes == {PLACED: {"duplicate": 1}, AMENDED: {"duplicate": 1}}


async def test_what_was_never_accepted_is_placed_not_amended(desk: Desk) -> None:
    desk.door.quarantine = lambda event: event["data"]["amount"] == "0"
    await desk.run(HEADER + "1,2012-01-05,r1,0\n")
    mended = await desk.run(HEADER + "1,2012-01-05,r1,5\n")

    assert mended.rejected == 0
    assert [e["type"] for e in desk.door.of("1")] == [PLACED]


async def test_a_lost_answer_ends_in_the_same_events(desk: Desk) -> None:
    """The API takes a batch and its answer never comes: the next run sends the same events again."""
    take = desk.door.answer

    def takes_and_breaks(request: Any) -> Any:
        answer = take(request)
        if request.url.path == "/v1/events":
            raise RuntimeError("power")
        return answer

    desk.door.answer = takes_and_breaks  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await desk.run(TWO)
    desk.door.answer = take  # type: ignore[method-assign]
    again = await desk.run(TWO)

    assert again.outcomes == {PLACED: {"duplicate": 2}}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.dictionaries(st.integers(1, 4), st.integers(1, 3), min_size=1), min_size=1, max_size=6))
async def test_after_any_files_each_order_is_as_the_last_file_that_has_it(
    files: list[dict[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    desk = Desk(tmp_path_factory.mktemp("desk"), RememberingDoor())
    last: dict[int, int] = {}
    for file in files:
        await desk.run(HEADER + "".join(f"{order},2012-01-05,r1,{amount}\n" for order, amount in file.items()))
        last |= file

    assert {order: desk.door.standing(str(order))["amount"] for order in last} == {o: str(a) for o, a in last.items()}
    for order in last:
        revisions = [e["data"].get("revision", 0) for e in desk.door.of(str(order))]
        assert revisions == sorted(set(revisions))


SURVEYS = """
source: /shop
columns: {Id: text, Day: date, Score: integer}
outputs:
  - event: crm.survey.answered.v1
    key: [Id]
    time: ${Day}
    data: {survey_id: "${Id}", score: "${Score}", credits: []}
"""


async def test_of_a_type_without_a_revision_the_last_version_is_the_latest_word(desk: Desk) -> None:
    for score in (3, 4, 4, 3, 5):
        await desk.run(f"Id,Day,Score\n1,2012-01-05,{score}\n", SURVEYS)

    told = sorted(desk.door.events.values(), key=lambda event: event["time"])
    assert [event["data"]["score"] for event in told] == [3, 4, 3, 5]
    assert [event["time"][11:26] for event in told] == [
        "00:00:00+00:00", "00:00:00.000001", "00:00:00.000002", "00:00:00.000003"
    ]  # fmt: skip


async def test_bad_rows_are_reported_with_line_and_column_and_the_rest_is_imported(desk: Desk) -> None:
    summary = await desk.run(
        HEADER + '1,2012-01-05,r1,10\n2,5 Jan,r1,20\n"3\n",2012-01-07,r1,1\n4,2012-01-08,r1,many\n5,2012-01-09,r1\n'
    )

    assert summary.outcomes == {PLACED: {"accepted": 2}}
    assert summary.rows == 5
    assert summary.faults == [
        "file.csv, line 3, column 2 (Day): '5 Jan' is no date in ISO 8601",
        "file.csv, line 6, column 4 (Sum): 'many' is no decimal",
        "file.csv, line 7: has 3 cells, the header has 4",
    ]
    assert summary.rejected_files == [desk.folder / "file.csv.rejected.csv"]
    with summary.rejected_files[0].open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["merit_line", "merit_reason", "Id", "Day", "Rep", "Sum"]
    assert rows[1] == ["3", "line 3, column 2 (Day): '5 Jan' is no date in ISO 8601", "2", "5 Jan", "r1", "20"]
    assert rows[3][2:] == ["5", "2012-01-09", "r1"]


async def test_the_rejected_file_can_be_mended_and_imported(desk: Desk) -> None:
    summary = await desk.run(TWO.replace("20\n", "many\n"))
    assert summary.rejected_files
    mended = await desk.run(summary.rejected_files[0].read_text().replace(",many", ",20"), name="mended.csv")

    assert mended.outcomes == {PLACED: {"accepted": 1}}


async def test_after_a_broken_quote_the_rest_goes_on(desk: Desk) -> None:
    summary = await desk.run(HEADER + '1,2012-01-05,r1,10\n2,"2012"-01-06,r1,20\n3,2012-01-07,r1,30\n')

    assert summary.outcomes == {PLACED: {"accepted": 2}}
    assert summary.faults == ["file.csv, line 3: not CSV: ',' expected after '\"'"]


async def test_a_rejected_file_of_an_earlier_run_goes(desk: Desk) -> None:
    await desk.run(HEADER + "1,never,r1,1\n")
    clean = await desk.run(TWO)

    assert clean.rejected_files == []
    assert not (desk.folder / "file.csv.rejected.csv").exists()


async def test_what_merit_quarantines_is_rejected_too(desk: Desk) -> None:
    desk.door.quarantine = lambda event: event["data"]["order_id"] == "2"
    summary = await desk.run(TWO)

    assert summary.outcomes == {PLACED: {"accepted": 1, "quarantined": 1}}
    assert summary.faults == ["file.csv, line 3: quarantined by Merit"]


async def test_a_key_that_stands_twice_is_rejected(desk: Desk) -> None:
    summary = await desk.run(TWO + "1,2012-01-09,r1,99\n")
    again = await desk.run(TWO + "1,2012-01-09,r1,99\n")

    assert summary.faults == ["file.csv, line 4, column 1 (Id): its key stands in an earlier row already"]
    assert again.outcomes == {PLACED: {"duplicate": 2}}


async def test_bytes_of_another_encoding_are_a_bad_row_and_come_out_unharmed(desk: Desk) -> None:
    summary = await desk.run(TWO.encode() + b"3,2012-01-05,Jos\xe9,1\n")

    assert summary.faults == ["file.csv, line 4, column 3 (Rep): is not text in the file's encoding"]
    assert summary.rejected_files
    assert b"Jos\xe9" in summary.rejected_files[0].read_bytes()


async def test_gzip_and_a_byte_order_mark(desk: Desk) -> None:
    summary = await desk.run(gzip.compress(b"\xef\xbb\xbf" + TWO.encode()), name="file.csv.gz")

    assert summary.outcomes == {PLACED: {"accepted": 2}}


async def test_half_a_gzip_file_is_said(desk: Desk) -> None:
    with pytest.raises(MeritError, match="no whole gzip file"):
        await desk.run(gzip.compress(TWO.encode() * 50)[:-20], name="file.csv.gz")


async def test_a_busy_merit_is_waited_for(desk: Desk) -> None:
    desk.door.busy = 2
    summary = await desk.run(TWO)

    assert summary.outcomes == {PLACED: {"accepted": 2}}
    assert desk.door.requests == 3


async def test_many_rows_go_in_bounded_batches(desk: Desk) -> None:
    summary = await desk.run(HEADER + "".join(f"{n},2012-01-05,r1,1\n" for n in range(10_001)))

    assert summary.outcomes == {PLACED: {"accepted": 10_001}}
    assert desk.door.requests == 21


async def test_a_day_begins_at_midnight_of_the_business_zone(desk: Desk) -> None:
    await desk.run(TWO, zone="America/New_York")

    assert desk.door.of("1")[0]["time"] == "2012-01-05T00:00:00-05:00"


async def test_a_file_without_a_column_of_the_mapping_is_refused_at_its_place(desk: Desk) -> None:
    with pytest.raises(MappingRefused, match=r"mapping.yaml, line 7, column 3: the file file.csv has no column 'Sum'"):
        await desk.run("Id,Day,Rep\n1,2012-01-05,r1\n")
