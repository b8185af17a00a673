"""Key sets that are kept, marks that name their facts, types that a version keeps, the fiscal year and the day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COUNTS = ("days", "weeks", "months", "quarters", "years", "fiscal_quarters", "fiscal_years")


def upgrade() -> None:
    """Sets are filled when the release that keeps them publishes its definitions."""
    op.add_column("definition", sa.Column("custom", JSONB(), nullable=False, server_default="{}"))
    op.add_column("changed", sa.Column("family", sa.String(), nullable=False, server_default=""))
    op.create_index("announced_value_period", "announced_value", ["grain", "period_from"])
    op.create_table(
        "key_day",
        sa.Column("set_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "key", "kind", "subject", "day"),
    )
    op.create_table(
        "key_slice",
        sa.Column("set_id", sa.String(), nullable=False),
        sa.Column("at_least", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("facts", *COUNTS)),
        sa.PrimaryKeyConstraint("set_id", "at_least", "kind", "subject", "day"),
    )
    op.create_index("key_slice_empty", "key_slice", ["set_id"], postgresql_where="facts = 0")
    op.create_table(
        "calendar",
        sa.Column("one", sa.Boolean(), sa.CheckConstraint("one"), nullable=False),
        sa.Column("fiscal_month", sa.Integer(), nullable=False),
        sa.Column("turned_until", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("one"),
    )
    op.execute("insert into calendar (one, fiscal_month) values (true, 1)")


def downgrade() -> None:
    """Without key sets; distinct counts are read from facts again."""
    for table in ("calendar", "key_slice", "key_day"):
        op.drop_table(table)
    op.drop_index("announced_value_period", "announced_value")
    op.drop_column("changed", "family")
    op.drop_column("definition", "custom")
