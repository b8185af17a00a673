"""The days of keys lie in the order of their subjects, so that each count is made of neighbours, and written once."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """The table's key is made anew: some minutes where there are tens of millions of days.

    What is being made is begun anew: it is counted in another order.
    """
    op.execute(
        "alter table key_day drop constraint key_day_pkey,"
        " add constraint key_day_pkey primary key (set_id, kind, subject, key, day)"
    )
    op.execute("create index key_day_key on key_day (set_id, key)")
    op.execute("drop table counting")
    op.execute("create table counting (set_id varchar primary key, counted varchar[])")
    op.execute("delete from making")
