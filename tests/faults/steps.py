"""The points at which a process is struck, by the statement that it is about to send or waits for."""

from __future__ import annotations

from tests.faults.wire import Step

FETCHED = Step("before", "insert into position")
UNCOMMITTED = Step("before", "COMMIT", within="update position")
COMMITTED = Step("after", "COMMIT", within="update position")
SENT = Step("before", "delete from outbox")
DELETED = Step("before", "COMMIT", within="delete from outbox")
CARRIED = Step("after", "COMMIT", within="delete from outbox")
APPENDED = Step("before", "insert into seen")
RECORDED = Step("after", "insert into seen")
SETTLED = Step("before", "COMMIT", within="insert into ledger_entry")
WORKERS, RELAYS = ("kpi-worker-1", "incentive-worker-1"), ("kpi-relay", "incentive-relay")
POINTS = {
    "after-fetch": (WORKERS, FETCHED),
    "before-commit": (WORKERS, UNCOMMITTED),
    "after-commit": (WORKERS, COMMITTED),
    "relay-sent": (RELAYS, SENT),
    "relay-deleted-uncommitted": (RELAYS, DELETED),
    "relay-committed": (RELAYS, CARRIED),
    "ingest-appended": (("ingest-api",), APPENDED),
    "ingest-recorded": (("ingest-api",), RECORDED),
    "settle-uncommitted": (("incentive-relay",), SETTLED),
}
"""What happens there, and to which processes it can happen (the seed picks one)."""
