"""Versions of a definition that hold from a day on, and wait until what they need is made."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Of the versions that there are the newest of each key holds for all time, as it did."""
    op.execute(
        "alter table definition add column valid_from date, add column status varchar not null default 'published',"
        " add column ticket bigint not null default 0, add column switched_at timestamptz, add column request_id varchar"
    )
    op.execute(
        "update definition d set switched_at = published_at, status = case when version = (select max(n.version)"
        " from definition n where n.key = d.key) then 'published' else 'superseded' end"
    )
    op.execute(
        "create table making (over varchar primary key, reached varchar, facts_done bigint not null,"
        " facts_total bigint not null, started_at timestamptz not null)"
    )
    op.execute(
        "create table remark (id bigserial primary key, family jsonb not null, every_kpi boolean not null,"
        " since date not null)"
    )
