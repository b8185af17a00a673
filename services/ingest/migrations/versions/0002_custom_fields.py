"""The declarations of custom fields, and the outbox from which they are announced."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    create table custom_field (
        name varchar not null,
        version integer not null,
        type varchar not null,
        required boolean not null,
        event_types text[] not null,
        active boolean not null,
        decided_by varchar not null,
        decided_at timestamptz not null,
        primary key (name, version)
    )
    """,
    """
    create table outbox (
        id bigserial primary key,
        topic varchar not null,
        key bytea not null,
        value bytea not null,
        traceparent varchar not null
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
