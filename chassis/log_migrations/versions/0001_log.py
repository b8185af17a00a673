"""The embedded log: partitions, their records, and the groups that read them."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    create table partition (
        id integer generated always as identity primary key,
        topic text not null,
        number integer not null,
        next_offset bigint not null default 0,
        unique (topic, number)
    ) with (fillfactor = 20)  -- every append updates its row: room for it to stay on its page
    """,
    """
    create table record (
        partition_id integer not null,  -- no foreign key: the append takes it from partition, and a check per row costs
        record_offset bigint not null,
        key bytea not null,
        value bytea not null,
        headers bytea not null,  -- MessagePack: a list of (name, bytes)
        appended_at timestamptz not null default clock_timestamp(),
        primary key (partition_id, record_offset)
    )
    """,
    """
    create table member (
        id bigint generated always as identity primary key,
        reader_group text not null,
        topics text[] not null,
        lease_until timestamptz not null
    )
    """,
    "create index on member (reader_group)",
    """
    create table assignment (
        reader_group text not null,
        partition_id integer not null references partition,
        member_id bigint,  -- nobody, when the group has no member
        epoch bigint not null,
        primary key (reader_group, partition_id)
    )
    """,
    "create index on assignment (member_id)",
    """
    create table reported (
        reader_group text not null,
        partition_id integer not null references partition,
        next_offset bigint not null,
        primary key (reader_group, partition_id)
    )
    """,
    "revoke update, delete, truncate on record from merit_log",
)


def upgrade() -> None:
    """Append-only for the run-time role: it may insert and read records, nothing else."""
    for statement in STATEMENTS:
        op.execute(statement)
