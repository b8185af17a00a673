"""People, teams, dated memberships, clients, signing keys and the outbox."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    create table person (
        person_id varchar primary key,
        name varchar not null,
        email varchar,
        title varchar,
        active boolean not null,
        roles text[] not null,
        version integer not null
    )
    """,
    "create table team (team_id varchar primary key, name varchar not null)",
    """
    create table membership (
        person_id varchar not null references person (person_id),
        kind varchar not null,
        of varchar not null,
        valid_from date not null,
        valid_to date,
        primary key (person_id, kind, of, valid_from),
        constraint membership_range check (valid_from < valid_to)
    )
    """,
    "create index membership_of on membership (kind, of)",
    """
    create table client (
        client_id varchar primary key,
        secret_hash varchar not null,
        roles text[] not null,
        granted varchar not null,
        person_id varchar references person (person_id),
        source varchar,
        created_at timestamptz not null
    )
    """,
    """
    create table signing_key (
        kid varchar primary key,
        private_jwk varchar not null,
        created_at timestamptz not null,
        retired_at timestamptz
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
