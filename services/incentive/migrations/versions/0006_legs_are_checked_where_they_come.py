"""The legs of an entry come in one statement, and that statement's own rows must sum to zero.

Looking the entries up among all postings read the whole ledger in every statement once the planner had its statistics.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CHECK_LEGS = """
create or replace function check_legs() returns trigger language plpgsql set search_path from current as $$
declare wrong text;
begin
    select entry_id into wrong from {legs} group by entry_id having count(*) < 2 or sum(amount_minor) <> 0 limit 1;
    if wrong is not null then
        raise exception 'the legs of entry % do not sum to zero', wrong using errcode = 'check_violation';
    end if;
    return null;
end $$
"""


def upgrade() -> None:
    op.execute(CHECK_LEGS.format(legs="added"))


def downgrade() -> None:
    op.execute(CHECK_LEGS.format(legs="ledger_posting where entry_id in (select entry_id from added)"))
