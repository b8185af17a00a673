"""Dated rates as kpi tells them, and a way to the credits of a currency."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table rate (
            currency varchar not null,
            valid_from date not null,
            value numeric not null,
            version integer not null,
            primary key (currency, valid_from)
        )
        """
    )
    op.execute("create index credit_currency on credit (currency, day)")


def downgrade() -> None:
    op.execute("drop index credit_currency")
    op.execute("drop table rate")
