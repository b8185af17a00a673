"""Slices lie in slots, as the counts of events do: what partitions they came from does not matter."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """What partitions had are slots from now on: their sums are the same."""
    op.execute("alter table slice rename column partition to slot")
    op.execute("drop index slice_empty")
    op.execute("create index slice_empty on slice (measure_id) where facts = 0 and value = 0")


def downgrade() -> None:
    """Slots are taken for partitions, whose sums are the same."""
    op.execute("drop index slice_empty")
    op.execute("create index slice_empty on slice (measure_id) where facts = 0")
    op.execute("alter table slice rename column slot to partition")
