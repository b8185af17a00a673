"""The registry of topics is complete: nothing is orphaned, and what it says is what the code does."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from contracts import topics
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES, TOPICS, object_key

OUTSIDE = "other systems"
CONSTANTS = {topic.name: name for name, topic in vars(topics).items() if isinstance(topic, topics.Topic)}
each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.name)


def mentions(root, service, topic):
    """Whether a service's code names the topic."""
    texts = (p.read_text(encoding="utf-8") for p in (root / "services" / service).rglob("*.py"))
    return any(re.search(rf"\b{CONSTANTS[topic.name]}\b", text) for text in texts)


def test_every_topic_is_registered():
    assert set(CONSTANTS) == {t.name for t in TOPICS}


def test_no_two_topics_share_a_name_or_an_event():
    assert max(Counter(t.name for t in TOPICS).values()) == 1
    assert max(Counter(e for t in TOPICS for e in t.events).values()) == 1
    assert len(EVENT_TYPES) == sum(len(t.events) for t in TOPICS)


@each_topic
def test_a_topic_has_a_producer_and_consumers_that_exist(topic, root):
    services = {p.name for p in (root / "services").iterdir() if p.is_dir()}
    assert topic.producer in services
    assert topic.consumers
    assert set(topic.consumers) <= services | {OUTSIDE}


@each_topic
def test_whoever_is_registered_for_a_topic_speaks_of_it(topic, root):
    for service in (topic.producer, *topic.consumers):
        if service != OUTSIDE:
            said = "ACCEPTED_FROM_CRM" if topic.name in {t.name for t in ACCEPTED_FROM_CRM.values()} else None
            known = mentions(root, service, topic) or (said and mentions_word(root, service, said))
            assert known, f"services/{service} never names {CONSTANTS[topic.name]}"


def mentions_word(root, service, word):
    return any(word in p.read_text(encoding="utf-8") for p in (root / "services" / service).rglob("*.py"))


@each_topic
def test_the_key_is_a_field_of_every_event_of_the_topic(topic):
    for name, type_ in topic.events.items():
        key = object_key(name)
        assert key in type_.__struct_fields__, f"{name} has no {key}: it has no order with its like"


@each_topic
def test_names_and_limits_are_of_the_usual_form(topic):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", topic.name)
    assert 1 <= topic.partitions <= 64
    assert topic.retention_hours is None or (topic.retention_hours > 0 and not topic.compacted)
    assert topic.dead_letters
    for event in topic.events:
        assert re.fullmatch(r"(crm|merit)(\.[a-z]+(_[a-z]+)*)+\.v[0-9]+", event), f"{event}: past tense, a version last"


@each_topic
def test_every_event_has_a_schema_and_an_example(topic, root):
    for event in topic.events:
        for folder in ("schemas", "examples"):
            found = list((root / "contracts" / folder).rglob(f"*{event}*"))
            assert found, f"contracts/{folder} has nothing for {event}"
