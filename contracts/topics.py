"""The registry of topics: each with its events, key, producer, consumers, partitions, retention and dead letters."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from contracts import directory, incentive, kpi, sales


@dataclass(frozen=True, slots=True)
class Topic:
    """A stream of records in structured mode.

    ``retention_hours`` None keeps everything; ``compacted`` keeps the last record of each key.
    """

    name: str
    events: dict[str, type[Struct]]
    key: str
    producer: str
    consumers: tuple[str, ...]
    partitions: int = 6
    retention_hours: int | None = None
    compacted: bool = False
    dead_letters: str = "the consumer's dead_letter table"


CRM_SALES = Topic(
    name="crm-sales",
    events={
        sales.PLACED: sales.OrderPlaced,
        sales.AMENDED: sales.OrderAmended,
        sales.CANCELLED: sales.OrderCancelled,
        sales.REFUNDED: sales.OrderRefunded,
    },
    key="order_id",
    producer="ingest",
    consumers=("kpi", "incentive"),
)
DIRECTORY_PEOPLE = Topic(
    name="directory-people",
    events={directory.PERSON: directory.Person},
    key="person_id",
    producer="auth",
    consumers=("kpi", "incentive"),
    partitions=1,
    compacted=True,
)
TARGETS = Topic(
    name="targets",
    events={incentive.TARGET_SET: incentive.Target},
    key="target_id",
    producer="incentive",
    consumers=("kpi",),
    partitions=1,
    compacted=True,
)
KPI_VALUES = Topic(
    name="kpi-values",
    events={kpi.VALUE_CHANGED: kpi.ValueChanged},
    key="subject",
    producer="kpi",
    consumers=("other systems",),
    retention_hours=24 * 90,
)
INCENTIVE_LEDGER = Topic(
    name="incentive-ledger",
    events={incentive.LEDGER_POSTED: incentive.LedgerEntry},
    key="payee_id",
    producer="incentive",
    consumers=("other systems",),
)
TOPICS = (CRM_SALES, DIRECTORY_PEOPLE, TARGETS, KPI_VALUES, INCENTIVE_LEDGER)
EVENT_TYPES: dict[str, type[Struct]] = {name: type_ for topic in TOPICS for name, type_ in topic.events.items()}
ACCEPTED_FROM_CRM: dict[str, Topic] = {
    name: topic for topic in TOPICS for name in topic.events if topic.producer == "ingest"
}
"""The topic that each event type of a CRM goes to: what the door accepts."""
