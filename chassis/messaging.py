"""Spans and metrics of sending and reading, to OpenTelemetry's messaging conventions; consumers link to producers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from chassis import telemetry
from chassis.bus import Outgoing, Record
from chassis.clock import stamp_ns
from chassis.metric_names import MESSAGES_CONSUMED, MESSAGES_SENT, PROCESS_DURATION, SEND_DURATION
from chassis.span import Value

NANO = 1e-9
MONEY = frozenset({"incentive-ledger"})
"""Topics whose records move money: their spans are always kept."""


@contextmanager
def sending(topic: str, count: int, causes: Iterable[str] | None = None) -> Iterator[None]:
    """``send TOPIC`` (PRODUCER): below what is under way, or with ``causes`` a trace of its own that links to them."""
    since_ns, error = stamp_ns(), ""
    said = _said("send", "send", topic) | {"messaging.batch.message_count": count}
    try:
        with telemetry.span(f"send {topic}", "producer", said, links=causes, always=topic in MONEY):
            yield
    except Exception as raised:
        error = type(raised).__name__
        raise
    finally:
        SEND_DURATION.record((stamp_ns() - since_ns) * NANO, topic)
        MESSAGES_SENT.add(count, topic, error)


@contextmanager
def processing(group: str, records: Sequence[Record], polled_since_ns: int) -> Iterator[None]:
    """``poll TOPIC``, which ends here, and ``process TOPIC`` (both CONSUMER) below it, linked to the senders.

    What the block raises makes it a failed one, whose records were not consumed.
    """
    since_ns, error = stamp_ns(), ""
    try:
        with _processing(group, records, polled_since_ns):
            yield
        for topic, count in Counter(r.partition.topic for r in records).items():
            MESSAGES_CONSUMED.add(count, group, topic)
    except Exception as raised:
        error = type(raised).__name__
        raise
    finally:
        PROCESS_DURATION.record((stamp_ns() - since_ns) * NANO, group, error)


def _processing(group: str, records: Sequence[Record], polled_since_ns: int) -> telemetry.AnySpan:
    if not telemetry.recording():
        return telemetry.OFF
    causes = list(dict.fromkeys(causes_of(records)))
    topics = sorted({r.partition.topic for r in records})
    partitions = sorted({r.partition.number for r in records})
    count: dict[str, Value] = {
        "messaging.batch.message_count": len(records),
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": ",".join(map(str, partitions)),
    }
    name = ",".join(topics)
    polled = telemetry.span(
        f"poll {name}", "consumer", _said("poll", "receive", name) | count, links=causes, start_ns=polled_since_ns
    )
    polled.end()
    said = _said("process", "process", name) | count
    return telemetry.span(f"process {name}", "consumer", said, links=causes, parent=polled.traceparent)


def causes_of(records: Iterable[Record | Outgoing]) -> Iterable[str]:
    """The traceparents that records carry."""
    for record in records:
        for name, value in record.headers:
            if name == "traceparent":
                yield value.decode(errors="replace")


def _said(operation: str, kind: str, topic: str) -> dict[str, Value]:
    return {
        "messaging.system": telemetry.messaging_system(),
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": topic,
    }
