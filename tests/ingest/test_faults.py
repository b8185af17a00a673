"""F5 of trust.md: every fault has its pointer and its code; quarantined, or refused as a whole when strict."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

HALF = "\ud800"  # json.dumps writes it as the escape \ud800
DELETE = object()

# Each line: what is changed, by JSON pointer, in a sound order; the faults that must be named, no other.
ORDER_CASES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "no amount": ({"/data/amount": DELETE}, {("/data/amount", "missing")}),
    "amount is a number": ({"/data/amount": 12.5}, {("/data/amount", "number-for-decimal")}),
    "amount is a huge number": ({"/data/amount": "HUGE"}, {("/data/amount", "number-for-decimal")}),
    "amount is null": ({"/data/amount": None}, {("/data/amount", "wrong-type")}),
    "amount is negative": ({"/data/amount": "-1"}, {("/data/amount", "negative")}),
    "amount NaN": ({"/data/amount": "NaN"}, {("/data/amount", "not-a-decimal")}),
    "amount 1e400": ({"/data/amount": "1e400"}, {("/data/amount", "not-a-decimal")}),
    "amount with a line break": ({"/data/amount": "1\n"}, {("/data/amount", "not-a-decimal")}),
    "amount in other digits": ({"/data/amount": "١٢"}, {("/data/amount", "not-a-decimal")}),
    "amount beyond the bounds": ({"/data/amount": "1" * 21}, {("/data/amount", "out-of-bounds")}),
    "amount too fine": ({"/data/amount": "0." + "1" * 11}, {("/data/amount", "out-of-bounds")}),
    "unknown currency": ({"/data/currency": "ZZZ"}, {("/data/currency", "unknown-currency")}),
    "currency in small letters": ({"/data/currency": "usd"}, {("/data/currency", "unknown-currency")}),
    "misspelt field": ({"/data/custommer_id": "x"}, {("/data/custommer_id", "unknown-field")}),
    "misspelt nested field": ({"/data/credits/0/repid": "x"}, {("/data/credits/0/repid", "unknown-field")}),
    "unknown type": ({"/type": "crm.order.lost.v1"}, {("/type", "unknown-type")}),
    "unknown type, no date": (
        {"/type": "crm.order.lost.v1", "/data/business_date": "x"},
        {("/type", "unknown-type")},
    ),
    "own type of Merit": ({"/type": "merit.target.set.v1"}, {("/type", "unknown-type")}),
    "data is a list": ({"/data": []}, {("/data", "wrong-type")}),
    "no data": ({"/data": DELETE}, {("/data", "missing")}),
    "no time": ({"/time": DELETE}, {("/time", "missing")}),
    "time is null": ({"/time": None}, {("/time", "wrong-type")}),
    "time without offset": ({"/time": "2026-03-01T09:00:00"}, {("/time", "not-an-instant")}),
    "time without colon in its offset": ({"/time": "2026-03-01T09:00:00+0100"}, {("/time", "not-an-instant")}),
    "time is a date": ({"/time": "2026-03-01"}, {("/time", "not-an-instant")}),
    "time on 30 February": ({"/time": "2026-02-30T09:00:00Z"}, {("/time", "not-an-instant")}),
    "far future": ({"/time": "2027-01-01T00:00:00Z"}, {("/time", "future-date")}),
    "the end of time": ({"/time": "9999-12-31T23:59:59-12:00"}, {("/time", "future-date")}),
    "ancient": ({"/time": "1969-12-30T00:00:00Z"}, {("/time", "ancient-date")}),
    "year one": ({"/time": "0001-01-01T00:00:00+14:00"}, {("/time", "ancient-date")}),
    "business date far off": ({"/data/business_date": "2026-03-12"}, {("/data/business_date", "future-date")}),
    "business date ancient": ({"/data/business_date": "1900-01-01"}, {("/data/business_date", "ancient-date")}),
    "business date no date": ({"/data/business_date": "2026-3-1"}, {("/data/business_date", "not-a-date")}),
    "id far too long": ({"/id": "x" * 100_000}, {("/id", "too-long")}),
    "id too long": ({"/id": "x" * 257}, {("/id", "too-long")}),
    "order id too long": ({"/data/order_id": "x" * 257}, {("/data/order_id", "too-long")}),
    "ids of too many bytes": (
        {"/id": "元" * 171, "/source": "𠀀" * 129, "/data/territory": "元" * 256,
         "/data/credits/0/rep_id": "é" * 255 + "元"},
        {(at, "too-long") for at in ("/id", "/source", "/data/territory", "/data/credits/0/rep_id")},
    ),
    "order id empty": ({"/data/order_id": ""}, {("/data/order_id", "empty")}),
    "order id blank": ({"/data/order_id": " "}, {("/data/order_id", "blank")}),
    "ids blank": (
        {"/id": "\t", "/source": "\u00a0 ", "/data/territory": "\n", "/data/credits/0/rep_id": "  "},
        {(at, "blank") for at in ("/id", "/source", "/data/territory", "/data/credits/0/rep_id")},
    ),
    "subject empty": ({"/subject": ""}, {("/subject", "empty")}),
    "NUL in a text": ({"/data/customer_id": "a\0b"}, {("/data/customer_id", "nul-character")}),
    "NUL in the id": ({"/id": "a\0b"}, {("/id", "nul-character")}),
    "NUL in a key": ({"/data/attributes": {"a\0": "x"}}, {("/data/attributes/a\0", "nul-character")}),
    "half a surrogate pair": ({"/data/territory": HALF}, {("/data/territory", "lone-surrogate")}),
    "revision is a fraction": ({"/data/revision": 1.0}, {("/data/revision", "wrong-type")}),
    "revision beyond": ({"/data/revision": 2**31}, {("/data/revision", "out-of-bounds")}),
    "attribute is a float": ({"/data/attributes": {"a": 0.5}}, {("/data/attributes/a", "wrong-type")}),
    "attribute is nested": ({"/data/attributes": {"a": {}}}, {("/data/attributes/a", "wrong-type")}),
    "attribute is a huge number": ({"/data/attributes": {"a": 2**64}}, {("/data/attributes/a", "out-of-bounds")}),
    "pointer is escaped": ({"/data/attributes": {"a/b~c": 0.5}}, {("/data/attributes/a~1b~0c", "wrong-type")}),
    "extension misnamed": ({"/Trace-Id": "x"}, {("/Trace-Id", "bad-name")}),
    "extension nested": ({"/traceid": {}}, {("/traceid", "wrong-type")}),
    "traceparent no text": ({"/traceparent": 1}, {("/traceparent", "wrong-type")}),
    "data is XML": ({"/datacontenttype": "text/xml"}, {("/datacontenttype", "not-json-data")}),
    "data is no base64": (
        {"/data": DELETE, "/data_base64": "?"},
        {("/data_base64", "not-json-data"), ("/data", "missing")},
    ),
    "data twice": ({"/data_base64": "e30="}, {("/data_base64", "data-twice")}),
    "share and amount": ({"/data/credits/0/amount": "1"}, {("/data/credits/0", "credit-with-both")}),
    "neither share nor amount": ({"/data/credits/0/share": DELETE}, {("/data/credits/0", "credit-without-part")}),
    "shares and amounts mixed": (
        {"/data/credits/0": {"rep_id": "7", "amount": "50"}},
        {("/data/credits", "credits-mixed")},
    ),
    "shares above one": ({"/data/credits/0/share": "0.2500000001"}, {("/data/credits", "shares-not-one")}),
    "share above one": ({"/data/credits/0/share": "1.1"}, {("/data/credits/0/share", "out-of-bounds")}),
    "amounts not the order's": (
        {"/data/credits": [{"rep_id": "7", "amount": "100"}, {"rep_id": "8", "amount": "0.49"}]},
        {("/data/credits", "amounts-not-whole")},
    ),
    "overlay does not help the sum": ({"/data/credits/1/overlay": True}, {("/data/credits", "shares-not-one")}),
    "the same rep twice": ({"/data/credits/1/rep_id": "7"}, {("/data/credits/1/rep_id", "rep-repeated")}),
    "no rep": ({"/data/credits/1/rep_id": DELETE}, {("/data/credits/1/rep_id", "missing")}),
    "too many credits": (
        {"/data/credits": [{"rep_id": str(n), "share": "0.01"} for n in range(101)]},
        {("/data/credits", "too-many"), },
    ),
    "several at once": (
        {"/data/amount": 1, "/data/colour": "x", "/time": "no", "/data/currency": "XXX"},
        {
            ("/data/amount", "number-for-decimal"),
            ("/data/colour", "unknown-field"),
            ("/time", "not-an-instant"),
            ("/data/currency", "unknown-currency"),
        },
    ),
}  # fmt: skip
REFUND_CASES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "nothing said": ({"/data/amount": DELETE}, {("/data/amount", "refund-without-amount")}),
    "negative": ({"/data/amount": "-5"}, {("/data/amount", "negative")}),
    "zero": ({"/data/amount": "0.00"}, {("/data/amount", "refund-zero")}),
    "zero lines": ({"/data/amount": DELETE, "/data/lines": [{"amount": "0"}]}, {("/data/lines", "refund-zero")}),
    "lines that differ": ({"/data/lines": [{"amount": "4"}]}, {("/data/amount", "refund-amounts-differ")}),
    "a line without amount": ({"/data/lines": [{"product": "x"}]}, {("/data/lines/0/amount", "missing")}),
}
SOUND_ORDERS: dict[str, dict[str, Any]] = {
    "no credits": {"/data/credits": []},
    "amounts": {"/data/credits": [{"rep_id": "7", "amount": "100"}, {"rep_id": "8", "amount": "0.5"}]},
    "an overlay on top": {"/data/credits/0/share": "1", "/data/credits/1/overlay": True},
    "one rep, owner and overlay": {"/data/credits/0/share": "1", "/data/credits/1": {
        "rep_id": "7", "share": "1", "overlay": True}},
    "zero amount": {"/data/amount": "0"},
    "another currency": {"/data/currency": "JPY"},
    "tomorrow in the business zone": {"/time": "2026-03-12T03:59:59Z"},
    "extensions": {"/traceid": "x", "/sampled": True, "/weight": 3, "/importid": "i"},
    "escaped letters": {"/data/territory": "北京 😀"},
    "business date": {"/data/business_date": "2011-05-31"},
    "in base64": {"/data": DELETE, "/data_base64": (
        "eyJvcmRlcl9pZCI6IngiLCJhbW91bnQiOiIxIiwiY3VycmVuY3kiOiJVU0QiLCJjcmVkaXRzIjpbXX0=")},
}  # fmt: skip


# In New York it is five hours earlier than UTC. Each line: when it ended, and when it says that it had begun.
ENDED = {"type": "crm.opportunity.won.v1", "data": {"opportunity_id": "1", "rep_id": "7"}}
SETTLED = {"type": "crm.case.resolved.v1", "data": {"case_id": "1", "rep_id": "7"}}
BACKWARDS: dict[str, dict[str, Any]] = {
    "a day later": {"/time": "2026-03-02T12:00:00Z", "/data/opened_at": "2026-03-03"},
    "an hour later": {"/time": "2026-03-02T12:00:00Z", "/data/opened_at": "2026-03-02T13:00:00Z"},
    "a day after its date": {"/data/business_date": "2026-03-01", "/data/opened_at": "2026-03-02"},
    "an instant after its date": {"/data/business_date": "2026-03-01", "/data/opened_at": "2026-03-02T05:00:00Z"},
    "an hour later, told with its date": {
        "/time": "2026-03-02T12:00:00Z",
        "/data/business_date": "2026-03-02",
        "/data/opened_at": "2026-03-02T13:00:00Z",
    },
}
FORWARDS: dict[str, dict[str, Any]] = {
    "in no time": {"/time": "2026-03-02T12:00:00Z", "/data/opened_at": "2026-03-02T12:00:00Z"},
    "within what clocks differ": {"/time": "2026-03-02T12:00:00Z", "/data/opened_at": "2026-03-02T12:00:59Z"},
    "on one day": {"/time": "2026-03-02T12:00:00Z", "/data/opened_at": "2026-03-02"},
    "on one day of the business": {"/time": "2026-03-02T03:00:00Z", "/data/opened_at": "2026-03-01"},
    "on the day of its date": {
        "/time": "2026-03-05T12:00:00Z",
        "/data/business_date": "2026-03-01",
        "/data/opened_at": "2026-03-02T04:59:00Z",
    },
}


def changed(event: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The event with other values at some JSON pointers."""
    event = copy.deepcopy(event)
    for pointer, value in changes.items():
        *way, last = [int(s) if s.isdigit() else s for s in pointer.split("/")[1:]]
        place: Any = event
        for step in way:
            place = place[step]
        if value is DELETE:
            del place[last]
        else:
            place[last] = value
    return event


def dumped(event: Any) -> bytes:
    """As JSON. HUGE stands for a number of 1,000 digits."""
    return json.dumps(event).encode().replace(b'"HUGE"', b"9" * 1_000)


async def judged(door: Any, event: dict[str, Any]) -> set[tuple[str, str]]:
    """The faults of an event that must be quarantined; sent strictly it must be a 422 with the same pointers."""
    text = dumped(event)
    strict = await door.post(text, prefer="handling=strict")
    assert strict.status_code == 422
    assert (await door.get("/v1/quarantine")).json()["items"] == []
    answer = await door.post(text)
    assert answer.status_code == 202, answer.text
    (result,) = answer.json()["results"]
    assert result["outcome"] == "quarantined"
    assert door.bus.appended == []
    listed = await door.get(f"/v1/quarantine/{result['quarantine_id']}")
    assert listed.json()["faults"] == result["faults"] == strict.json()["errors"]
    assert all(fault["detail"] for fault in result["faults"])
    return {(fault["pointer"], fault["code"]) for fault in result["faults"]}


@pytest.mark.parametrize("case", ORDER_CASES)
async def test_an_order_with_a_fault_is_quarantined_with_a_pointer(door: Any, placed: Any, case: str) -> None:
    changes, expected = ORDER_CASES[case]
    assert await judged(door, changed(placed(), changes)) == expected


@pytest.mark.parametrize("case", REFUND_CASES)
async def test_a_refund_with_a_fault_is_quarantined_with_a_pointer(door: Any, placed: Any, case: str) -> None:
    refund = placed() | {"type": "crm.order.refunded.v1", "data": {"order_id": "O1", "amount": "5"}}
    changes, expected = REFUND_CASES[case]
    assert await judged(door, changed(refund, changes)) == expected


@pytest.mark.parametrize("ending", [ENDED, SETTLED], ids=["won", "resolved"])
@pytest.mark.parametrize("case", BACKWARDS)
async def test_what_was_over_before_it_began_is_quarantined(
    door: Any, placed: Any, case: str, ending: dict[str, Any]
) -> None:
    """Else a mean of days or hours would hold less than none of them."""
    event = changed(placed() | ending, BACKWARDS[case])
    assert await judged(door, event) == {("/data/opened_at", "opened-after-end")}


@pytest.mark.parametrize("ending", [ENDED, SETTLED], ids=["won", "resolved"])
@pytest.mark.parametrize("case", FORWARDS)
async def test_what_took_little_time_or_none_is_accepted(
    door: Any, placed: Any, case: str, ending: dict[str, Any]
) -> None:
    assert await door.outcomes(changed(placed() | ending, FORWARDS[case])) == ["accepted"]


@pytest.mark.parametrize("case", SOUND_ORDERS)
async def test_what_is_allowed_is_accepted(door: Any, placed: Any, case: str) -> None:
    assert await door.outcomes(changed(placed(), SOUND_ORDERS[case])) == ["accepted"]


@pytest.mark.parametrize(
    ("sound", "broken", "pointer"),
    [
        (b'"amount": "100.50"', b'"amount": "1", "amount": "100.50"', "/data/amount"),
        (b'"amount": "100.50"', b'"amount"\t: "1", "amount": "100.50"', "/data/amount"),
        (b'"amount": "100.50"', b'"territory": "\\u0022:", "amount": "1", "amount": "100.50"', "/data/amount"),
        (b'"amount": "100.50"', b'"territory": "\\u003a", "amount": "1", "amount": "100.50"', "/data/amount"),
        (b'"share": "0.25"', b'"share": "0.5", "share": "0.25"', "/data/credits/0/share"),
        (b'"source": "crm"', b'"source": "x", "source": "crm"', "/source"),
        (b'"amount": "100.50"', b'"amount": "1", "\\u0061mount": "100.50"', "/data/amount"),
    ],
)
async def test_a_key_that_stands_twice_is_a_fault(
    door: Any, placed: Any, sound: bytes, broken: bytes, pointer: str
) -> None:
    text = dumped(placed())
    assert sound in text
    answer = (await door.post(text.replace(sound, broken))).json()
    assert [(f["pointer"], f["code"]) for f in answer["results"][0]["faults"]] == [(pointer, "duplicate-key")]


async def test_half_a_surrogate_pair_in_a_batch_hurts_only_its_event(door: Any, placed: Any) -> None:
    good, bad = placed(), placed(territory=HALF)
    assert await door.outcomes(good, bad, good) == ["accepted", "quarantined", "duplicate"]
    (entry,) = await door.entries()
    assert entry["event"] == bad


async def test_an_endless_list_of_faults_is_cut(door: Any, placed: Any) -> None:
    answer = (await door.send(placed(lines=[{"colour": 1}] * 1000))).json()
    faults = answer["results"][0]["faults"]
    assert len(faults) == 51
    assert faults[-1]["code"] == "more-faults"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (b"", []),
        (b"{", []),
        (b"no", []),
        (b'{"a": "\xff"}', []),
        (b"\xef\xbb\xbf{}", []),
        (b"[]", [("", "not-an-object")]),
        (b"3", [("", "not-an-object")]),
        (b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"a": NaN}}', [
            ("/data/a", "not-finite")]),
        (b'{"specversion": "0.3", "id": "", "source": 3}', [
            ("/specversion", "wrong-value"), ("/id", "not-a-text"), ("/source", "not-a-text"), ("/type", "missing")]),
    ],
)  # fmt: skip
async def test_what_is_no_event_is_a_400(door: Any, text: bytes, faults: list[tuple[str, str]]) -> None:
    answer = await door.post(text)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/not-an-event")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == (faults or [("", "not-json")])


async def test_in_a_batch_each_pointer_begins_with_the_index(door: Any, placed: Any) -> None:
    nameless = placed()
    del nameless["id"]
    answer = await door.send(placed(), nameless, 5, placed())
    assert answer.status_code == 400
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/1/id", "missing"),
        ("/2", "not-an-object"),
    ]
    assert door.bus.appended == []


@pytest.mark.parametrize(
    "text", [b"{}", b"[1", b"[1,]", b"[,1]", b'["\\ud800"', b'["\\ud800",]', b'["\\ud800"] 1', b"[1] 2"]
)
async def test_what_is_no_batch_is_a_400(door: Any, text: bytes) -> None:
    answer = await door.post(text, "application/cloudevents-batch+json")
    assert answer.status_code == 400
