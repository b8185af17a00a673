"""Laws of the door: nothing that is sent breaks it, what it lets through can be read, batching does not matter."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts import envelope
from contracts.currencies import MINOR_DIGITS
from contracts.sales import day_or_instant
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES, object_key
from services.ingest.domain.custom_fields import CustomField
from services.ingest.domain.door import Door as Rules
from services.ingest.domain.faults import NotAnEvent
from services.ingest.domain.judge import judge
from services.ingest.domain.judged import Judged
from services.ingest.domain.text import TooDeep, check_depth
from tests.ingest.events import golden

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
GOLDEN = [
    json.loads(path.read_bytes())
    for name in ACCEPTED_FROM_CRM
    for path in sorted((EXAMPLES / name).glob("*.json"))
    if not path.name.startswith("invalid-")
]
FIELDS = [
    CustomField(
        name=name, version=1, type=type_, required=False, event_types=(), active=True, decided_by="x",
        decided_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    for name, type_ in (("channel", "text"), ("region", "decimal"), ("share", "date"), ("strategic", "boolean"))
]  # fmt: skip
RULES = Rules(
    ZoneInfo("America/New_York"),
    dt.date(2026, 3, 10),
    {"crm.order.placed.v1": ["/data/customer_id"]},
    dict.fromkeys(ACCEPTED_FROM_CRM, FIELDS),
)
KINDS = ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"]
shared = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

texts = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(["", "1", "-1", "NaN", "1e400", "0.5", "USD"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.integers(10**18, 10**30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *itertools.chain.from_iterable(places(child, (*path, step)) for step, child in steps)]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A golden event with up to three places replaced, removed or added."""
    event = copy.deepcopy(draw(st.sampled_from(GOLDEN)))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from([path for path in places(event) if path]))
        place = event
        for step in way:
            place = place[step]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                place[last] = draw(values)
            case "remove":
                del place[last]
            case _ if isinstance(place, dict):
                place[draw(texts)] = draw(values)
            case _:
                place.append(draw(values))
    return event


def judged(text: bytes) -> Judged | None:
    try:
        return judge(text, RULES)
    except NotAnEvent:
        return None


def leads_into(pointer: str, event: dict[str, Any]) -> bool:
    """Whether a pointer leads to a place of the event, or to one that is missing right there."""
    place: Any = event
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for number, step in enumerate(steps):
        if isinstance(place, list) and step.isdigit() and int(step) < len(place):
            place = place[int(step)]
        elif isinstance(place, dict) and step in place:
            place = place[step]
        else:
            return number == len(steps) - 1
    return True


@shared
@given(event=mutated())
def test_a_mutated_event_is_sound_or_has_faults_that_lead_somewhere(event: dict[str, Any]) -> None:
    text = json.dumps(event).encode()
    found = judged(text)
    if found is None:
        return
    assert len({(f.pointer, f.code, f.detail) for f in found.faults}) == len(found.faults)
    for fault in found.faults:
        fault.pointer.encode()
        assert fault.code
        assert fault.detail.encode()
        if "\ufffd" not in fault.pointer and fault.code not in ("more-faults", "required-by-policy"):
            assert leads_into(fault.pointer, found.event), fault
    if not found.faults:
        check_sound(found)


def is_decimal(value: Any) -> bool:
    """By Python's own reading, and by how many digits are written before and after the point."""
    text = str(value)
    try:
        finite = Decimal(text).is_finite() and set(text) <= set("-0123456789.")
    except InvalidOperation:
        return False
    whole, point, fraction = text.removeprefix("-").partition(".")
    return finite and 1 <= len(whole) <= 20 and len(fraction) <= 10 and bool(point) == bool(fraction)


def is_date(value: Any) -> bool:
    """By the calendar, and the one way to write it."""
    return isinstance(value, str) and any(str(day) == value for day in days(value))


def days(text: str) -> list[dt.date]:
    try:
        return [dt.date(*map(int, text.split("-")))]
    except (ValueError, TypeError, OverflowError):
        return []


MODELS: dict[str, Callable[[Any], bool]] = {
    "channel": lambda value: value is None or isinstance(value, str),
    "region": lambda value: value is None or (isinstance(value, str | int) and is_decimal(value)),
    "share": lambda value: value is None or is_date(value),
    "strategic": lambda value: value is None or isinstance(value, bool),
}
"""What may stand under a declared name in an event that is sound, told in other words than the door's."""
numerals = st.decimals(allow_nan=True, allow_infinity=True).map(str) | st.from_regex(
    r"-?[0-9]{1,22}(\.[0-9]{1,12})?", fullmatch=True
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | numerals
    | st.dates().map(str)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
)


@shared
@given(event_type=st.sampled_from(list(ACCEPTED_FROM_CRM)), name=st.sampled_from(list(MODELS)), value=scalars)
def test_a_declared_field_takes_what_its_type_says_and_nothing_else(event_type: str, name: str, value: Any) -> None:
    event = golden(event_type)
    event["data"]["attributes"] = {name: value}
    found = judged(json.dumps(event).encode())
    assert found is not None
    assert {fault.pointer for fault in found.faults} == (set() if MODELS[name](value) else {f"/data/attributes/{name}"})


def check_sound(found: Judged) -> None:
    """What is accepted can be read by every reader, and keeps what semantics.md says of credits."""
    read = envelope.decode(found.raw)
    data: Any = msgspec.json.decode(read.data, type=EVENT_TYPES[read.type])
    assert found.mark is not None
    assert found.object_id == getattr(data, object_key(read.type))
    assert read.time is not None
    assert read.time.tzinfo is not None
    assert b"\\u0000" not in msgspec.json.encode(msgspec.json.decode(found.raw))
    if hasattr(data, "credits"):
        owners = [credit for credit in data.credits if not credit.overlay]
        assert all((credit.share is None) != (credit.amount is None) for credit in data.credits)
        if data.credits:
            assert owners
            by_share = owners[0].share is not None
            parts = [Decimal((c.share if by_share else c.amount) or "NaN") for c in owners]
            assert sum(parts) == (1 if by_share else Decimal(data.amount))
    for amount in ("amount", "score"):
        if (value := getattr(data, amount, None)) is not None:
            assert Decimal(value) >= 0
    if hasattr(data, "score"):
        assert Decimal(data.score) <= data.scale_max
    if (code := getattr(data, "currency", None)) is not None:
        assert code in MINOR_DIGITS
    assert (getattr(data, "amount", None) is None) or getattr(data, "currency", "by its order") is not None
    for when in ("opened_at", "due_at"):
        if (text := getattr(data, when, None)) is not None:
            assert isinstance(day_or_instant(text), dt.date)
    for name, right in MODELS.items():
        assert right(data.attributes.get(name))


@shared
@given(event=mutated(), indent=st.sampled_from([None, 1]), ascii=st.booleans())
def test_how_it_is_written_does_not_matter(event: dict[str, Any], indent: int | None, ascii: bool) -> None:
    try:
        other = json.dumps(event, indent=indent, ensure_ascii=ascii, sort_keys=True).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be written as an escape
        return
    first, second = judged(json.dumps(event).encode()), judged(other)
    assert (first is None) == (second is None)
    if first and second:
        assert set(first.faults) == set(second.faults)
        assert first.mark == second.mark
        assert first.fingerprint("quarantined") == second.fingerprint("quarantined")


@shared
@given(levels=st.integers(0, 60), other=values)
def test_depth_is_counted_as_a_walk_would(levels: int, other: Any) -> None:
    value: Any = other
    for level in range(levels):
        value = [value] if level % 2 else {'"[': value, "x": "]}"}

    def depth(node: Any) -> int:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    try:
        check_depth(json.dumps(value).encode())
        assert depth(value) <= 32
    except TooDeep:
        assert depth(value) > 32


headers = st.fixed_dictionaries(
    {},
    optional={
        f"ce-{name}": st.binary(max_size=12).map(lambda b: bytes(c for c in b if c not in b"\r\n\0"))
        for name in ("specversion", "id", "source", "type", "time", "Odd_one", "data")
    },
)
bodies = (
    st.binary(max_size=60)
    | values.map(lambda value: json.dumps(value).encode())
    | st.lists(mutated() | values, max_size=4).map(lambda items: json.dumps(items).encode())
    | st.tuples(
        mutated().map(lambda event: json.dumps(event).encode()), st.integers(0, 400), st.binary(max_size=3)
    ).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :])
)


@shared
@given(
    body=bodies,
    kind=st.sampled_from(KINDS) | st.text(st.characters(codec="ascii", categories=["L", "P"])),
    more=headers,
)
@example(body=b'{"a":"\\ud800"}', kind=KINDS[1], more={})
@example(body=b"[[", kind=KINDS[0], more={})
async def test_no_bytes_break_the_door(door: Any, body: bytes, kind: str, more: dict[str, bytes]) -> None:
    async with door.client() as client:
        answer = await client.post("/v1/events", content=body, headers={"content-type": kind, **more})
    assert answer.status_code in {202, 400, 413, 415}, answer.text
    if answer.status_code != 202:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().get("errors") or answer.status_code != 400
    else:
        for result in answer.json()["results"]:
            assert (result["outcome"] == "quarantined") == bool(result.get("faults"))


sendings = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from(["100", "200", "-1"])), max_size=12
)


@settings(shared, max_examples=40)
@given(sent=sendings, cuts=st.sets(st.integers(1, 11)))
async def test_outcomes_do_not_depend_on_the_batches(
    door: Any, placed: Any, sent: list[tuple[str, str, str]], cuts: set[int]
) -> None:
    """The first sound event of an identity counts, whatever the batches; here the model is one by one."""
    run = next(_runs)
    template = placed()
    firsts: dict[tuple[str, str], str] = {}
    expected, events = [], []
    for order, id, amount in sent:
        data = template["data"] | {"order_id": f"{run}{order}", "amount": amount}
        events.append(template | {"id": f"{run}{id}", "data": data})
        faulty, first = amount == "-1", firsts.get((order, id))
        if not faulty:
            firsts.setdefault((order, id), amount)
        same = "duplicate" if first == amount else "conflict"
        expected.append("quarantined" if faulty else "accepted" if first is None else same)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    outcomes = [await door.outcomes(*events[a:b]) for a, b in itertools.pairwise(bounds)]
    assert list(itertools.chain.from_iterable(outcomes)) == expected
    counted = [json.loads(value)["id"] for value in await door.on_the_log() if json.loads(value)["id"].startswith(run)]
    assert len(counted) == len(firsts)


_runs = (f"run{number}-" for number in itertools.count())
