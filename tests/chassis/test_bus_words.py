"""The pure parts of the log's port: where a key goes, how positions are written, who shares what."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus import (
    At,
    LogUnavailable,
    Partition,
    UnknownTopic,
    after,
    format_positions,
    parse_positions,
    partition_of,
    reach,
)
from chassis.shares import share

# org.apache.kafka.common.utils.UtilsTest.testMurmur2: signed 32-bit results of Kafka's Java client
JAVA_MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), JAVA_MURMUR2.items())
def test_a_keys_partition_is_that_of_kafkas_java_client(key, signed):
    assert partition_of(key, 2**31) == signed & 0x7FFFFFFF
    assert partition_of(key, 6) == (signed & 0x7FFFFFFF) % 6


@given(st.binary(max_size=300))
def test_any_keys_partition_is_that_of_aiokafka(key):
    assert partition_of(key, 2**31) == aiokafka_murmur2(key) & 0x7FFFFFFF


names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
positions = st.dictionaries(st.builds(Partition, names, st.integers(0, 99)), st.integers(0, 2**62), max_size=8)


@given(positions)
def test_positions_are_read_back_as_written(wanted):
    assert parse_positions(format_positions(wanted)) == wanted


@pytest.mark.parametrize("text", ["x", "x.1", "x.one.2", "x.1.2~", "~", "x.1.2~y", "x.-1.2", "x.1.-2", "x.1._2"])
def test_what_is_no_position_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_positions(text)


def test_after_is_the_next_offset_of_each_partition():
    one, two = Partition("t", 1), Partition("t", 2)
    assert after([At(one, 4), At(two, 0), At(one, 2)]) == {one: 5, two: 1}


groups = st.integers(0, 12).flatmap(
    lambda count: st.tuples(
        st.fixed_dictionaries({i: st.sampled_from("ab") for i in range(count)}),
        st.dictionaries(st.integers(1, 6), st.sets(st.sampled_from("ab"), min_size=1).map(frozenset), max_size=5),
        st.fixed_dictionaries({i: st.none() | st.integers(1, 9) for i in range(count)}),
    )
)


@given(groups)
def test_every_partition_that_somebody_may_read_has_one_reader_who_may(group):
    topics, members, held = group
    for partition, member in share(topics, members, held).items():
        readers = [m for m, read in members.items() if topics[partition] in read]
        assert member in readers if readers else member is None


@given(st.integers(0, 20), st.integers(1, 6), st.data())
def test_members_of_the_same_topics_share_to_within_one(partitions, members, data):
    held = {i: data.draw(st.none() | st.integers(1, 9)) for i in range(partitions)}
    shared = share(dict.fromkeys(range(partitions), "a"), {m: frozenset("a") for m in range(1, members + 1)}, held)
    counts = [list(shared.values()).count(m) for m in range(1, members + 1)]
    assert max(counts) - min(counts) <= 1


@given(st.integers(0, 20), st.integers(1, 6), st.data())
def test_sharing_again_moves_nothing(partitions, members, data):
    held = {i: data.draw(st.none() | st.integers(1, 9)) for i in range(partitions)}
    topics, readers = dict.fromkeys(range(partitions), "a"), {m: frozenset("a") for m in range(1, members + 1)}
    shared = share(topics, readers, held)
    assert share(topics, readers, shared) == shared


def test_one_who_leaves_moves_only_what_they_held():
    topics = dict.fromkeys(range(6), "a")
    before = share(topics, {m: frozenset("a") for m in (1, 2, 3)}, dict.fromkeys(range(6)))
    after_leaving = share(topics, {m: frozenset("a") for m in (1, 2)}, before)
    assert all(after_leaving[i] == m for i, m in before.items() if m != 3)


class Ends:
    """A log that is asked for the ends of its topics."""

    def __init__(self, *lacking):
        self.lacking, self.asked = lacking, []

    async def ends(self, topic):
        self.asked.append(topic)
        if topic in self.lacking:
            raise UnknownTopic(topic)


async def test_a_service_reaches_the_topics_that_it_reads_and_writes_and_no_other():
    log = Ends()
    await reach(log, "incentive")
    assert sorted(log.asked) == ["crm-sales", "directory-people", "fx-rates", "incentive-ledger", "targets"]


async def test_a_topic_that_nobody_created_yet_is_out_of_reach():
    with pytest.raises(LogUnavailable, match="no topic directory-people"):
        await reach(Ends("directory-people"), "auth")
