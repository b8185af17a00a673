"""A page of subjects is found in their order."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Pages go by the bytes of the ids, as cursors do, whatever order the database has for texts."""
    op.execute('create index span_subject on span (kind, subject collate "C")')
