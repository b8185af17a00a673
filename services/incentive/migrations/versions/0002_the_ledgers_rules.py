"""What makes the ledger append-only and double-entry, whoever writes to it."""

from alembic import op

from chassis.db import role_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSE_CHANGE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only: post a new entry that corrects the old one'
        using errcode = 'restrict_violation';
end $$
"""
CHECK_LEGS = """
create function check_legs() returns trigger language plpgsql set search_path from current as $$
declare wrong text;
begin
    select p.entry_id into wrong from ledger_posting p
    where p.entry_id in (select entry_id from added)
    group by p.entry_id having count(*) < 2 or sum(p.amount_minor) <> 0 limit 1;
    if wrong is not null then
        raise exception 'the legs of entry % do not sum to zero', wrong using errcode = 'check_violation';
    end if;
    return null;
end $$
"""
CHECK_ENTRY = """
create function check_entry() returns trigger language plpgsql set search_path from current as $$
begin
    if not exists (select from ledger_posting where entry_id = new.entry_id) then
        raise exception 'entry % has no legs', new.entry_id using errcode = 'check_violation';
    end if;
    return null;
end $$
"""
REVOKE = """
do $$ begin
    if exists (select from pg_roles where rolname = '{role}') then
        revoke update, delete, truncate on ledger_entry, ledger_posting from "{role}";
    end if;
end $$
"""


def upgrade() -> None:
    for function in (REFUSE_CHANGE, CHECK_LEGS, CHECK_ENTRY):
        op.execute(function)
    for table in ("ledger_entry", "ledger_posting"):
        op.execute(
            f"create trigger {table}_append_only before update or delete or truncate on {table}"
            " for each statement execute function refuse_change()"
        )
    op.execute(
        "create trigger ledger_posting_balances after insert on ledger_posting"
        " referencing new table as added for each statement execute function check_legs()"
    )
    op.execute(
        "create constraint trigger ledger_entry_has_legs after insert on ledger_entry"
        " deferrable initially deferred for each row execute function check_entry()"
    )
    op.execute(REVOKE.format(role=role_of("incentive")))
