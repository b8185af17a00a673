"""How often an event was not taken as sent, per day, source, type and rep; and whom an entry's event credits."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "alter table quarantine add column rep_ids text[] not null default '{}'",
    "alter table quarantine alter column rep_ids drop default",
    """
    create table door_count (
        day date not null,
        source varchar not null,
        type varchar not null,
        rep_id varchar not null,
        slot integer not null,
        duplicate bigint not null,
        quarantined bigint not null,
        conflict bigint not null,
        resolved bigint not null,
        discarded bigint not null,
        told boolean not null,
        primary key (day, source, type, rep_id, slot)
    )
    """,
    "create index door_count_untold on door_count (day) where not told",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
