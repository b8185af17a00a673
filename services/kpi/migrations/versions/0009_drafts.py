"""Definitions that are written and not published yet."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        "create table draft (key varchar primary key, body jsonb not null, saved_at timestamptz not null,"
        " saved_by varchar not null)"
    )
