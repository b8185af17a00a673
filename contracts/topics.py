"""The registry of topics: each with its events, key, producer, consumers, partitions, retention and dead letters."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from contracts import custom_fields, directory, incentive, kpi, quality, rates, sales, service


@dataclass(frozen=True, slots=True)
class Topic:
    """A stream of records in structured mode.

    ``keys``: per event type the field of its data whose value is the record's key: what happens to one object stays
    in order. ``retention_hours`` None keeps everything; ``compacted`` keeps the last record of each key.
    """

    name: str
    events: dict[str, type[Struct]]
    keys: dict[str, str]
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
        sales.INVOICE_ISSUED: sales.InvoiceIssued,
        sales.PAYMENT_RECEIVED: sales.PaymentReceived,
        sales.PAYMENT_REVERSED: sales.PaymentReversed,
        sales.CREDIT_NOTE_ISSUED: sales.CreditNoteIssued,
        sales.OPPORTUNITY_OPENED: sales.OpportunityOpened,
        sales.OPPORTUNITY_UPDATED: sales.OpportunityUpdated,
        sales.OPPORTUNITY_WON: sales.OpportunityWon,
        sales.OPPORTUNITY_LOST: sales.OpportunityLost,
    },
    keys={
        sales.PLACED: "order_id",
        sales.AMENDED: "order_id",
        sales.CANCELLED: "order_id",
        sales.REFUNDED: "order_id",
        sales.INVOICE_ISSUED: "order_id",
        sales.PAYMENT_RECEIVED: "order_id",
        sales.PAYMENT_REVERSED: "order_id",
        sales.CREDIT_NOTE_ISSUED: "credit_note_id",
        sales.OPPORTUNITY_OPENED: "opportunity_id",
        sales.OPPORTUNITY_UPDATED: "opportunity_id",
        sales.OPPORTUNITY_WON: "opportunity_id",
        sales.OPPORTUNITY_LOST: "opportunity_id",
    },
    producer="ingest",
    consumers=("kpi", "incentive"),
)
CRM_SERVICE = Topic(
    name="crm-service",
    events={
        service.CASE_OPENED: service.CaseOpened,
        service.CASE_RESPONDED: service.CaseResponded,
        service.CASE_RESOLVED: service.CaseResolved,
        service.SURVEY_ANSWERED: service.SurveyAnswered,
        service.FOLLOWUP_SCHEDULED: service.FollowupScheduled,
        service.FOLLOWUP_COMPLETED: service.FollowupCompleted,
        service.FOLLOWUP_CANCELLED: service.FollowupCancelled,
    },
    keys={
        service.CASE_OPENED: "case_id",
        service.CASE_RESPONDED: "case_id",
        service.CASE_RESOLVED: "case_id",
        service.SURVEY_ANSWERED: "survey_id",
        service.FOLLOWUP_SCHEDULED: "followup_id",
        service.FOLLOWUP_COMPLETED: "followup_id",
        service.FOLLOWUP_CANCELLED: "followup_id",
    },
    producer="ingest",
    consumers=("kpi",),
)
CUSTOM_FIELDS = Topic(
    name="custom-fields",
    events={custom_fields.CUSTOM_FIELD_DECLARED: custom_fields.CustomField},
    keys={custom_fields.CUSTOM_FIELD_DECLARED: "name"},
    producer="ingest",
    consumers=("kpi",),
    partitions=1,
    compacted=True,
)
DOOR_COUNTS = Topic(
    name="door-counts",
    events={quality.DOOR_COUNTED: quality.DoorCount},
    keys={quality.DOOR_COUNTED: "count_id"},
    producer="ingest",
    consumers=("kpi",),
    partitions=1,
    compacted=True,
)
DIRECTORY_PEOPLE = Topic(
    name="directory-people",
    events={directory.PERSON: directory.Person},
    keys={directory.PERSON: "person_id"},
    producer="auth",
    consumers=("kpi", "incentive"),
    partitions=1,
    compacted=True,
)
TARGETS = Topic(
    name="targets",
    events={incentive.TARGET_SET: incentive.Target},
    keys={incentive.TARGET_SET: "target_id"},
    producer="incentive",
    consumers=("kpi",),
    partitions=1,
    compacted=True,
)
KPI_VALUES = Topic(
    name="kpi-values",
    events={kpi.VALUE_CHANGED: kpi.ValueChanged},
    keys={kpi.VALUE_CHANGED: "subject"},
    producer="kpi",
    consumers=("other systems",),
    retention_hours=24 * 90,
)
FX_RATES = Topic(
    name="fx-rates",
    events={rates.RATES_SET: rates.RateTable},
    keys={rates.RATES_SET: "currency"},
    producer="kpi",
    consumers=("incentive", "other systems"),
    partitions=1,
    compacted=True,
)
INCENTIVE_LEDGER = Topic(
    name="incentive-ledger",
    events={incentive.LEDGER_POSTED: incentive.LedgerEntry},
    keys={incentive.LEDGER_POSTED: "payee_id"},
    producer="incentive",
    consumers=("other systems",),
)
TOPICS = (
    CRM_SALES,
    CRM_SERVICE,
    CUSTOM_FIELDS,
    DOOR_COUNTS,
    DIRECTORY_PEOPLE,
    TARGETS,
    KPI_VALUES,
    FX_RATES,
    INCENTIVE_LEDGER,
)
EVENT_TYPES: dict[str, type[Struct]] = {name: type_ for topic in TOPICS for name, type_ in topic.events.items()}
CRM_TOPICS = (CRM_SALES, CRM_SERVICE)
ACCEPTED_FROM_CRM: dict[str, Topic] = {name: topic for topic in CRM_TOPICS for name in topic.events}
"""The topic that each event type of a CRM goes to: what the door accepts."""


def object_key(event_type: str) -> str:
    """The field of the data that names the event's object, which is the record's key. Raises KeyError."""
    return _KEYS[event_type]


_KEYS: dict[str, str] = {name: field for topic in TOPICS for name, field in topic.keys.items()}
