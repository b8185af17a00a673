"""Of a long key its hash is kept: an index holds no text of any length."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """What is being made is begun anew: hashes lie elsewhere in the order in which keys are counted."""
    op.execute("update key_day set key = encode(sha256(convert_to(key, 'UTF8')), 'hex') where octet_length(key) >= 64")
    op.execute("delete from making")
    op.execute("delete from counting")
