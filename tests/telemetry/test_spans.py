"""Spans: what is above them, what they link to, which are kept, and what they cost while nobody keeps them."""

from __future__ import annotations

import contextvars
import datetime as dt

import pytest

from chassis import telemetry
from chassis.bus import Outgoing, Partition, Record
from chassis.messaging import processing, sending
from chassis.telemetry import LINKS_MAX
from chassis.telemetry_outlet import Sampling

A, B = "00-" + "a" * 32 + "-" + "1" * 16 + "-01", "00-" + "b" * 32 + "-" + "2" * 16 + "-01"
NOT_SAMPLED = A[:-2] + "00"


def record(number: int, traceparent: str) -> Record:
    headers = (("traceparent", traceparent.encode()),)
    return Record(Partition("crm-sales", number), 7, b"secret-key", b"{}", headers, dt.datetime.now(dt.UTC))


def test_a_span_is_below_what_is_under_way_and_ends_with_its_block(keep):
    kept = keep()
    with telemetry.span("above", parent=A), telemetry.span("below") as below:
        assert telemetry.current_traceparent() == below.traceparent
    inner, outer = kept.spans
    assert (inner.name, inner.parent_id, inner.trace_id) == ("below", outer.span_id, "a" * 32)
    assert outer.parent_id == "1" * 16
    assert outer.start_ns <= inner.start_ns <= inner.end_ns <= outer.end_ns


def test_links_begin_a_trace_of_its_own_that_names_each_cause_once(keep):
    kept = keep()
    with telemetry.span("other work", parent=B), telemetry.span("batch", links=[A, B, A, "nonsense"]):
        pass
    batch = kept.spans[0]
    assert batch.links == (A, B)
    assert batch.parent_id == ""
    assert batch.trace_id not in ("a" * 32, "b" * 32)


def test_links_are_bounded_and_the_others_counted(keep):
    kept = keep()
    many = [f"00-{n:032x}-{n:016x}-01" for n in range(1, LINKS_MAX + 6)]
    with telemetry.span("batch", links=many):
        pass
    assert len(kept.spans[0].links) == LINKS_MAX
    assert kept.spans[0].attributes["merit.links.left_out"] == 5


@pytest.mark.parametrize(("links", "sampled"), [([NOT_SAMPLED], False), ([NOT_SAMPLED, B], True)])
def test_a_batch_is_kept_when_one_of_its_causes_is(keep, links, sampled):
    kept = keep()
    with telemetry.span("batch", links=links):
        pass
    assert bool(kept.spans) == sampled


def test_errors_and_money_are_kept_whatever_was_sampled(keep):
    kept = keep(samples=False)
    telemetry.enter(NOT_SAMPLED, "")
    with telemetry.span("quiet"), telemetry.span("begins quietly", parent=""):
        pass
    with pytest.raises(KeyError), telemetry.span("failed"):
        raise KeyError("a customer's name")
    with telemetry.span("paid") as span:
        span.insist()
    with sending("incentive-ledger", 1, [NOT_SAMPLED]), sending("crm-sales", 1):
        pass
    assert [(s.name, s.error) for s in kept.spans] == [
        ("failed", "KeyError"),
        ("paid", ""),
        ("send incentive-ledger", ""),
    ]
    assert "customer" not in repr(kept.spans)


def test_a_batch_is_polled_and_processed_with_links_to_its_senders(keep):
    kept = keep()
    with processing("kpi", [record(0, A), record(3, B), record(3, B)], 5):
        inside = telemetry.current_traceparent()
    polled, processed = kept.spans
    assert (polled.name, polled.kind, polled.start_ns) == ("poll crm-sales", "consumer", 5)
    assert (processed.name, processed.parent_id, processed.traceparent) == (
        "process crm-sales",
        polled.span_id,
        inside,
    )
    assert polled.links == processed.links == (A, B)
    assert processed.attributes["messaging.destination.partition.id"] == "0,3"
    assert processed.attributes["messaging.batch.message_count"] == 3
    assert "secret-key" not in repr(kept.spans)


def test_a_database_transaction_is_seen_but_causes_nothing(keep):
    kept = keep()
    with telemetry.span("work", parent=A) as work:
        with telemetry.inner_span("transaction kpi", "client", {}):
            assert telemetry.current_traceparent() == work.traceparent
        assert kept.spans[0].parent_id == work.traceparent.split("-")[2]
    nothing = contextvars.Context()
    assert nothing.run(telemetry.inner_span, "transaction kpi", "client", {}) is telemetry.OFF


def test_nothing_is_recorded_while_nobody_keeps():
    telemetry.enter(A, "")
    outgoing = Outgoing(b"k", b"v", (("traceparent", A.encode()),))
    assert telemetry.span("work") is telemetry.OFF
    with telemetry.span("work", links=[B]) as span, sending("crm-sales", 1, iter([str(outgoing)])):
        span.set("a", 1)
        assert telemetry.current_traceparent() == A


def test_sampling_is_the_same_for_a_trace_everywhere_and_may_be_limited():
    half = Sampling(0.5)
    ids = [f"{n * 0x9E3779B97F4A7C15 % (1 << 128):032x}" for n in range(1, 2001)]
    first = [half.samples(i) for i in ids]
    assert first == [Sampling(0.5).samples(i) for i in ids]
    assert 800 < sum(first) < 1200
    assert not any(Sampling(0.0).samples(i) for i in ids)
    assert 50 <= sum(map(Sampling(1.0, per_second_max=50).samples, ids)) <= 100  # a second may end meanwhile
