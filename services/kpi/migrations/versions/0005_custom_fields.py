"""What the company calls its own fields, and the type of each."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "create table custom_field (name varchar primary key, version integer not null, type varchar not null,"
        " active boolean not null)"
    )
