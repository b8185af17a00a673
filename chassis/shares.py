"""Who of a group reads which partition: even, topic by topic, and with as few moves as that allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

PartitionId = TypeVar("PartitionId", bound=Hashable)
MemberId = TypeVar("MemberId", int, str)


def share(
    topics: Mapping[PartitionId, str],
    members: Mapping[MemberId, frozenset[str]],
    held: Mapping[PartitionId, MemberId | None],
) -> dict[PartitionId, MemberId | None]:
    """Partition → member (None: nobody reads its topic). ``topics``: each partition's topic; ``members``: the topics
    that each reads; ``held``: who has a partition now.

    Each topic is even to within one among those that read it (one of them is busy, another may be not), and so is the
    whole among members that read the same topics. A partition stays where it is unless that would be uneven.
    """
    shared: dict[PartitionId, MemberId | None] = {}
    total: Counter[MemberId] = Counter()
    had = Counter(member for member in held.values() if member is not None)
    for topic in dict.fromkeys(topics.values()):
        partitions = [i for i, name in topics.items() if name == topic]
        readers = [member for member, read in members.items() if topic in read]
        now = {i: held.get(i) for i in partitions}
        has = Counter(member for member in now.values() if member is not None)
        room = _room(len(partitions), sorted(readers, key=lambda m: (total[m], -has[m], had[m], m)))
        total.update(room)
        shared |= _placed(now, room)
    return {i: shared[i] for i in topics}


def _room(count: int, readers: Sequence[MemberId]) -> Counter[MemberId]:
    """How many of a topic's partitions each reader gets; what does not divide goes to the first of them."""
    if not readers:
        return Counter()
    each, left = divmod(count, len(readers))
    return Counter({member: each + (place < left) for place, member in enumerate(readers)})


def _placed(now: Mapping[PartitionId, MemberId | None], room: Counter[MemberId]) -> dict[PartitionId, MemberId | None]:
    """Each partition stays with who has it while they have room; the others go where room is left."""
    left = Counter(room)
    placed: dict[PartitionId, MemberId | None] = {}
    for i, member in now.items():
        stays = member is not None and left.get(member, 0) > 0
        placed[i] = member if stays else None
        if member is not None and stays:
            left[member] -= 1
    free = iter(sorted(left.elements()))
    return {i: next(free, None) if member is None else member for i, member in placed.items()}
