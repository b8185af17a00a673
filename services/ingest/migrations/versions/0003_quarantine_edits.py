"""Entries of the quarantine can be corrected, resubmitted and discarded; every edit is a line that stays."""

from __future__ import annotations

from alembic import op

from chassis.db import role_of

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # words of the faults that an entry has: its code, its places, both; so that it can be found by them
    """
    alter table quarantine
        add column state varchar not null default 'open',
        add column revision integer not null default 1,
        add column submitted boolean not null default false,
        add column correction bytea,
        add column faults_as_sent varchar,
        add column fault_words text[] not null default '{}'
    """,
    "alter table quarantine rename column resolved_at to closed_at",
    "alter table quarantine drop constraint quarantine_outcome",
    "update quarantine set faults_as_sent = faults",
    "update quarantine set state = 'resolved', outcome = 'quarantined' where outcome = 'resolved'",
    """
    alter table quarantine
        alter column faults_as_sent set not null,
        alter column state drop default,
        alter column revision drop default,
        alter column submitted drop default,
        alter column fault_words drop default,
        add constraint quarantine_outcome check (outcome in ('quarantined', 'conflict')),
        add constraint quarantine_state check (state in ('open', 'resolved', 'discarded')),
        add constraint quarantine_closed check ((state = 'open') = (closed_at is null) and (state = 'open' or not submitted))
    """,
    "drop index quarantine_open",
    "create index quarantine_open on quarantine (source, event_id) where state = 'open'",
    "create index quarantine_by_object on quarantine (object_id, quarantine_id)",
    "create index quarantine_by_fault on quarantine using gin (fault_words)",
    """
    create table quarantine_edit (
        quarantine_id varchar not null,
        revision integer not null,
        at timestamptz not null,
        actor varchar not null,
        action varchar not null,
        outcome varchar,
        state varchar not null,
        faults_before varchar not null,
        faults_after varchar not null,
        reason varchar,
        change varchar,
        undo varchar,
        place varchar,
        primary key (quarantine_id, revision)
    )
    """,
    "create index quarantine_edit_at on quarantine_edit (at, quarantine_id, revision)",
    """
    create function refuse_change() returns trigger language plpgsql as $$
    begin
        raise exception 'the history of the quarantine is append-only' using errcode = 'restrict_violation';
    end $$
    """,
    "create trigger quarantine_edit_append_only before update or delete or truncate on quarantine_edit"
    " for each statement execute function refuse_change()",
    f"""
    do $$ begin
        if exists (select from pg_roles where rolname = '{role_of("ingest")}') then
            revoke update, delete, truncate on quarantine_edit from "{role_of("ingest")}";
        end if;
    end $$
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
