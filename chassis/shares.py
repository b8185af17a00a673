"""Who of a group reads which partition: even, and with as few moves as that allows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

PartitionId = TypeVar("PartitionId", bound=Hashable)
MemberId = TypeVar("MemberId", int, str)


def share(
    topics: Mapping[PartitionId, str],
    members: Mapping[MemberId, frozenset[str]],
    held: Mapping[PartitionId, MemberId | None],
) -> dict[PartitionId, MemberId | None]:
    """Partition → member (None: nobody reads its topic). ``topics``: each partition's topic; ``members``: the topics
    that each reads; ``held``: who has a partition now. Even to within one partition among members that read the same
    topics; a partition stays where it is unless that would be uneven."""
    readers = {i: [m for m, read in members.items() if topic in read] for i, topic in topics.items()}
    holder = {i: now if (now := held.get(i)) in readers[i] else None for i in topics}
    load = {m: sum(h == m for h in holder.values()) for m in members}
    for i in sorted(topics, key=lambda i: holder[i] is not None):  # first what nobody holds
        least = min(readers[i], key=lambda m: (load[m], m), default=None)
        now = holder[i]
        if least is None or (now is not None and load[now] - load[least] < 2):
            continue
        if now is not None:
            load[now] -= 1
        holder[i], load[least] = least, load[least] + 1
    return holder
