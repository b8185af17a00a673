"""The keys of a set are counted in chunks as well, for what is building."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """What is being made is begun anew: its keys were counted with its facts, and now are after them."""
    op.execute("create table counting (set_id varchar primary key, counted varchar)")
    op.execute("delete from making")
