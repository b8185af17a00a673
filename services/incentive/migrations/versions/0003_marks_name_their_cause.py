"""A mark names what caused it, so that a trace leads from a request to the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With a default: the release before this one goes on writing marks without a cause."""
    op.add_column("due", sa.Column("traceparent", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Back to marks without a cause."""
    op.drop_column("due", "traceparent")
