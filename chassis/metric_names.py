"""Every metric of Merit, with what it says and when to worry; nothing else may declare one.

Names and units follow OpenTelemetry's conventions where there is one (http, messaging, db); ours begin with ``merit``.
``group`` is a consumer group, ``destination`` a topic. No label is personal.
"""

from __future__ import annotations

from chassis.metrics import Counter, Gauge, Histogram

# --- Requests: rate, errors and duration in one histogram. The gateway and the services each count their own.
HTTP_REQUEST_DURATION = Histogram(
    "http.server.request.duration",
    "s",
    "How long requests took; the route is a template, empty for what has none",
    ("service.part", "http.request.method", "http.route", "http.response.status_code"),
)
HTTP_ACTIVE_REQUESTS = Gauge(
    "http.server.active_requests", "{request}", "Requests under way in this process", ("service.part",)
)

# --- The log: what went in and came out. A topic that is sent to and not consumed has a reader that is down.
MESSAGES_SENT = Counter(
    "messaging.client.sent.messages", "{message}", "Records appended", ("messaging.destination.name", "error.type")
)
SEND_DURATION = Histogram(
    "messaging.client.operation.duration", "s", "How long an append took until durable", ("messaging.destination.name",)
)
MESSAGES_CONSUMED = Counter(
    "messaging.client.consumed.messages",
    "{message}",
    "Records whose effects are committed",
    ("messaging.consumer.group.name", "messaging.destination.name"),
)
PROCESS_DURATION = Histogram(
    "messaging.process.duration",
    "s",
    "How long a batch took, commit included; failed ones carry the class of the exception",
    ("messaging.consumer.group.name", "error.type"),
)

# --- Readers: how far behind. Lag in seconds is the age of the oldest record that is not read; a lag that grows while
# the last progress ages is a reader that is stuck, one that grows while it makes progress is one that is too slow.
CONSUMER_LAG = Gauge(
    "merit.consumer.lag",
    "{message}",
    "Records appended and not yet read, over all partitions; every worker of a group says the same",
    ("messaging.consumer.group.name", "messaging.destination.name"),
)
CONSUMER_LAG_SECONDS = Gauge(
    "merit.consumer.lag.seconds",
    "s",
    "Age of the oldest record that is not read",
    ("messaging.consumer.group.name", "messaging.destination.name"),
)
PROGRESS_AGE = Gauge(
    "merit.loop.progress.age", "s", "Time since a background loop last ended a turn, busy or idle", ("merit.loop",)
)
DEAD_LETTERS = Gauge(
    "merit.dead_letters", "{record}", "Records that are parked; anything above 0 wants a person", ("merit.schema",)
)
HELD_KEYS = Gauge(
    "merit.held_keys",
    "{key}",
    "Keys whose records wait for a person: what they stand for goes stale",
    ("merit.schema",),
)

# --- Announcements: an outbox that ages has no relay, or no log to carry to.
OUTBOX_ROWS = Gauge("merit.outbox.rows", "{row}", "Announcements that wait to be carried to the log", ("merit.schema",))
OUTBOX_AGE = Gauge(
    "merit.outbox.age", "s", "How long the oldest of them has been seen waiting (at least)", ("merit.schema",)
)

# --- New meaning: how much a published definition still has to be made from, and be announced, before all follow it.
BACKFILL_FACTS = Gauge(
    "merit.kpi.backfill.facts", "{fact}", "Facts that what is building has not been made from yet; 0 when nothing is"
)
MARKS = Gauge("merit.kpi.marks", "{mark}", "Subjects and days whose values wait to be announced, up to 20,000")

# --- Means: a pool without idle connections makes everything wait; a delayed event loop makes every answer late.
POOL_CONNECTIONS = Gauge(
    "db.client.connection.count",
    "{connection}",
    "Connections of a pool, by state: idle or used",
    ("db.client.connection.pool.name", "db.client.connection.state"),
)
POOL_CONNECTIONS_MAX = Gauge(
    "db.client.connection.max", "{connection}", "What a pool may open", ("db.client.connection.pool.name",)
)
EVENT_LOOP_DELAY = Histogram(
    "merit.event_loop.delay", "s", "By how much a timer fired late: something kept the loop from turning"
)
TELEMETRY_DROPPED = Counter("merit.telemetry.dropped", "{span}", "Spans that nobody took in time; requests never wait")

# --- The truth: zero, always. What merit verify checks, whenever it was checked last.
VERIFICATION_FAILED = Gauge(
    "merit.verification.failed", "{check}", "Checks that failed when last run", ("merit.verification",)
)
LEDGER_IMBALANCE = Gauge(
    "merit.ledger.imbalance", "{currency}", "Currencies in which the ledger does not net to zero; looked at regularly"
)
