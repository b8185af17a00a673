"""The identities that were seen, the quarantine, and the required-fields policies."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    create table seen (
        identity bytea primary key,
        content bytea not null,
        topic varchar not null,
        partition integer not null,
        record_offset bigint not null
    )
    """,
    """
    create table quarantine (
        quarantine_id varchar primary key,
        fingerprint bytea not null,
        outcome varchar not null,
        source varchar not null,
        event_id varchar not null,
        type varchar not null,
        object_id varchar,
        received_at timestamptz not null,
        resolved_at timestamptz,
        event bytea not null,
        faults varchar not null,
        constraint quarantine_outcome check (outcome in ('quarantined', 'conflict', 'resolved'))
    )
    """,
    "create unique index quarantine_fingerprint on quarantine (fingerprint)",
    "create index quarantine_open on quarantine (source, event_id) where outcome = 'quarantined'",
    "create index quarantine_by_source on quarantine (source, quarantine_id)",
    """
    create table required_fields (
        type varchar not null,
        version integer not null,
        pointers text[] not null,
        decided_by varchar not null,
        decided_at timestamptz not null,
        primary key (type, version)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
