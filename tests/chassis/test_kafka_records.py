"""What others write to Kafka is read in the port's words, whatever of it is missing."""

from __future__ import annotations

import time

from aiokafka import AIOKafkaProducer

from chassis.bus import At, Partition
from chassis.kafka_bus import KafkaBus


async def test_what_others_wrote_without_a_value_is_read_as_no_bytes(kafka, kit):
    bus, topic = KafkaBus(kafka), kit.topic(f"others-{time.time_ns()}", partitions=1)
    await bus.create([topic])
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topic.name, b"v", headers=[("traceparent", None)])
        await producer.send_and_wait(topic.name, None, b"k")
    records = await bus.read(At(Partition(topic.name, 0), 0), 2)
    assert [(r.key, r.value, r.headers) for r in records] == [(b"", b"v", (("traceparent", b""),)), (b"k", b"", ())]
    await bus.close()
