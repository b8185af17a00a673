"""The embedded log's records in PostgreSQL: the statement that appends and the one that reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from chassis.bus import At, LogUnavailable, Outgoing, Partition, Record
from chassis.db import Connection, DatabaseUnavailable

READ_BYTES_MAX = 16_000_000
"""One read stops before the record that would begin beyond this many bytes of keys and values."""

Headers = list[tuple[str, bytes]]
_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(Headers).decode

# One statement is one transaction and one round trip. Offsets are taken under the partitions' row locks, which are
# held until the commit: so the order of offsets is the order of commits, there is no gap, and a reader that sees an
# offset sees all before it. The locks are taken in the order of ids, so that two appends never wait for each other.
_APPEND = """
with wanted as (select * from unnest($1::int[], $2::bigint[]) as w(id, records)),
locked as (select id from partition where id = any($1) order by id for update),
moved as (
    update partition set next_offset = next_offset + wanted.records
    from locked join wanted using (id) where partition.id = locked.id
    returning partition.id, partition.next_offset - wanted.records as first
),
appended as (
    insert into record (partition_id, record_offset, key, value, headers)
    select moved.id, moved.first + r.place, r.key, r.value, r.headers
    from unnest($3::int[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[]) as r(id, place, key, value, headers)
    join moved using (id)
)
select id, first from moved
"""

# octet_length of a stored value needs no look at its bytes, so what is beyond the limit is never fetched.
_READ = """
select id, record_offset, key, value, headers, appended_at from (
    select *, sum(size) over (order by turn, record_offset rows unbounded preceding) - size as before from (
        select w.id, w.turn, r.*, octet_length(r.key) + octet_length(r.value) as size
        from unnest($1::int[], $2::bigint[]) with ordinality as w(id, since, turn)
        cross join lateral (
            select record_offset, key, value, headers, appended_at from record
            where partition_id = w.id and record_offset >= w.since order by record_offset limit $3
        ) r
        limit $3
    ) found
) sized where before < $4 order by turn, record_offset
"""


@contextmanager
def log_errors() -> Iterator[None]:
    """Tell of a database that is down as a log that is down."""
    try:
        yield
    except DatabaseUnavailable as error:
        raise LogUnavailable("the log does not answer") from error


async def append(conn: Connection, records: Sequence[tuple[int, Outgoing]]) -> list[int]:
    """Append (partition id, record) pairs; returns their offsets in the order given. Commits by itself."""
    counts: dict[int, int] = {}
    places = []
    for partition_id, _ in records:
        places.append(place := counts.get(partition_id, 0))
        counts[partition_id] = place + 1
    rows = await conn.fetch(
        _APPEND,
        list(counts),
        list(counts.values()),
        [partition_id for partition_id, _ in records],
        places,
        [record.key for _, record in records],
        [record.value for _, record in records],
        [_encode_headers(record.headers) for _, record in records],
    )
    first = {row["id"]: row["first"] for row in rows}
    return [first[partition_id] + place for (partition_id, _), place in zip(records, places, strict=True)]


async def read(
    conn: Connection, since: Sequence[tuple[int, At]], records_max: int, bytes_max: int = READ_BYTES_MAX
) -> list[Record]:
    """Records from each (partition id, place) on, partition by partition in the order given, within both limits."""
    rows = await conn.fetch(_READ, [i for i, _ in since], [at.offset for _, at in since], records_max, bytes_max)
    names: Mapping[int, Partition] = {partition_id: at.partition for partition_id, at in since}
    return [
        Record(
            names[row["id"]],
            row["record_offset"],
            row["key"],
            row["value"],
            tuple(_decode_headers(row["headers"])),
            row["appended_at"],
        )
        for row in rows
    ]
