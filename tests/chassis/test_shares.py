"""The laws by which a group shares its partitions out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chassis.shares import share

TOPICS = ("sales", "service", "people")
Held = dict[tuple[str, int], int | None]


@st.composite
def groups(draw):
    """Partitions, members that read all the topics or some, and who had what before: possibly somebody who is gone."""
    sizes = draw(st.fixed_dictionaries({topic: st.integers(1, 7) for topic in TOPICS}))
    topics = {(topic, number): topic for topic in TOPICS for number in range(sizes[topic])}
    some = st.sets(st.sampled_from(TOPICS), min_size=1).map(frozenset)
    reads = st.just(frozenset(TOPICS)) if draw(st.booleans()) else some
    members = draw(st.dictionaries(st.integers(1, 6), reads, max_size=5))
    held = {p: draw(st.sampled_from([None, *range(1, 8)])) for p in topics}
    return topics, members, held


def loads(shared: Held, members, topic: str | None = None) -> list[int]:
    """How many partitions each member that reads the topic has of it."""
    found = Counter(reader for (name, _), reader in shared.items() if topic in (None, name))
    return [found[member] for member, read in members.items() if topic is None or topic in read]


@given(groups())
def test_each_partition_has_one_reader_if_anybody_reads_its_topic(group):
    topics, members, held = group
    shared = share(topics, members, held)
    assert shared.keys() == topics.keys()
    for partition, reader in shared.items():
        readers = {member for member, read in members.items() if topics[partition] in read}
        assert reader in readers if readers else reader is None


@given(groups())
def test_each_topic_is_even_to_within_one(group):
    """Else one member could have all of the topic that is busy, and another all of the one that is not."""
    topics, members, held = group
    shared = share(topics, members, held)
    for topic in TOPICS:
        counts = loads(shared, members, topic)
        assert max(counts, default=0) - min(counts, default=0) <= 1


@given(groups())
def test_members_that_read_the_same_have_the_same_to_within_one(group):
    topics, members, held = group
    everywhere = dict.fromkeys(members, frozenset(TOPICS))
    counts = loads(share(topics, everywhere, held), everywhere)
    assert max(counts, default=0) - min(counts, default=0) <= 1


@given(groups())
def test_what_is_shared_already_stays_as_it_is(group):
    topics, members, held = group
    shared = share(topics, members, held)
    assert share(topics, members, shared) == shared


@given(groups(), st.integers(7, 9))
def test_a_member_that_comes_takes_from_others_and_moves_nothing_between_them(group, newcomer):
    topics, members, held = group
    before = share(topics, dict.fromkeys(members, frozenset(TOPICS)), held)
    after = share(topics, dict.fromkeys([*members, newcomer], frozenset(TOPICS)), before)
    assert {after[p] for p in topics if after[p] != before[p]} <= {newcomer}
