"""At which rates objects of other currencies are kept, which rates changed under them, and the reporting currency."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = (
    # set at every start; an installation has one from its first event on
    "alter table calendar add column currency varchar not null default 'USD'",
    """
    create table conversion (
        object_id varchar not null,
        object_kind varchar not null,
        currency varchar not null,
        day date not null,
        rate numeric,
        primary key (object_id, object_kind, currency, day)
    )
    """,
    "create index conversion_day on conversion (currency, day, object_kind, object_id)",
    "create index conversion_no_rate on conversion (object_id) where rate is null",
    """
    create table restating (
        id bigserial primary key,
        currency varchar not null,
        until date not null,
        day date not null,
        object_kind varchar not null,
        object_id varchar not null
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table restating")
    op.execute("drop table conversion")
    op.execute("alter table calendar drop column currency")
