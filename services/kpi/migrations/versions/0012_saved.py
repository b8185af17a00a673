"""Reports and leaderboards that people saved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What comes with Merit is in no table."""
    op.create_table(
        "saved",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("body", JSONB(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("tree", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("request_hash", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.create_index("saved_once", "saved", ["kind", "owner", "idempotency_key"], unique=True)


def downgrade() -> None:
    """Without saved reports and leaderboards."""
    op.drop_table("saved")
