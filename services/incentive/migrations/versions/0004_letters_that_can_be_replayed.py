"""A dead letter keeps all that replaying it takes, and may hold its key."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
NO_HEADERS = r"'\x90'"


def upgrade() -> None:
    """With defaults: the release before this one goes on parking poison, and asks for no more."""
    op.add_column(
        "dead_letter", sa.Column("headers", sa.LargeBinary(), nullable=False, server_default=sa.text(NO_HEADERS))
    )
    op.add_column(
        "dead_letter",
        sa.Column("appended_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.add_column("dead_letter", sa.Column("holds", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("update dead_letter set appended_at = parked_at")


def downgrade() -> None:
    """Back to letters that can only be looked at."""
    for name in ("holds", "appended_at", "headers"):
        op.drop_column("dead_letter", name)
