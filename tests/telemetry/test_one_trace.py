"""One trace, from the HTTP request over the topics to the ledger entry, as a collector of anybody's would see it."""

from __future__ import annotations

import asyncio
from typing import Any

from chassis.telemetry_export import exporting
from merit.embedded import running
from tests.journeys.driver import Driver
from tests.journeys.test_an_orders_story import COMPANY

ORDER = {
    "specversion": "1.0",
    "id": "an-event-id",
    "source": "/crm",
    "type": "crm.order.placed.v1",
    "time": "2024-03-05T10:00:00+01:00",
    "data": {
        "order_id": "order-4711",
        "amount": "1234.56",
        "currency": "USD",
        "credits": [{"rep_id": "ann", "share": "1"}],
    },
}
PRIVATE = ("order-4711", "an-event-id", "1234.56", "ann", "Ann", "mia", "Bearer")
TO_THE_LEDGER = [
    "POST /v1/events",
    "POST /v1/events",
    "send crm-sales",
    "poll crm-sales",
    "process crm-sales",
    "settle",
    "send incentive-ledger",
]
TO_THE_VALUES = [*TO_THE_LEDGER[:5], "announce", "send kpi-values"]
CONVENTIONS = {"messaging.system", "messaging.operation.name", "messaging.operation.type", "messaging.destination.name"}


async def test_a_trace_leads_from_the_request_to_the_ledger_and_to_the_values(new_database, collector):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRIC_EXPORT_INTERVAL": "500"}
    async with (
        running(admin_dsn=await new_database(), zone=COMPANY.zone) as merit,
        Driver(merit) as driver,
        exporting("merit", environment=environment),
    ):
        await driver.found(COMPANY)
        client = await driver.as_role("integration")
        answer = await client.post("/v1/events", json=ORDER, headers={"content-type": "application/cloudevents+json"})
        assert answer.status_code == 202
        trace_id = answer.headers["traceparent"].split("-")[1]
        await driver.caught_up()
        ends = ("send incentive-ledger", "send kpi-values")
        reached = await asyncio.to_thread(_wait, collector, trace_id, ends)
    assert [span.name for span in reached["send incentive-ledger"]] == TO_THE_LEDGER
    assert [span.name for span in reached["send kpi-values"]] == TO_THE_VALUES
    path = reached["send incentive-ledger"]
    assert [collector.services[s.span_id.hex()] for s in path] == [
        "merit-gateway",
        "merit-ingest",
        "merit-ingest",
        *["merit-incentive"] * 4,
    ]
    for span in path:
        if span.name.split()[0] in ("send", "poll", "process"):
            said = {a.key: a.value for a in span.attributes}
            assert said.keys() >= CONVENTIONS
            assert said["messaging.system"].string_value == "postgresql_log"
            assert said["messaging.batch.message_count"].int_value >= 1
    assert path[3].trace_id != path[2].trace_id, "a batch has a trace of its own: it is linked, not parented"
    _nothing_private(collector, driver)
    for name in ("http.server.request.duration", "messaging.process.duration", "merit.event_loop.delay"):
        assert name in collector.metrics, sorted(collector.metrics)


def _wait(collector: Any, trace_id: str, ends: tuple[str, ...]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}

    def there() -> bool:
        found.update({end: path for end in ends if (path := _path(collector, trace_id, end))})
        return len(found) == len(ends)

    collector.wait_for(there)
    return found


def _path(collector: Any, trace_id: str, end: str) -> list[Any]:
    """The spans from the trace's request to one of this name: each below, or linked to, the one before."""
    for last in collector.called(end):
        if path := _back(collector, last, trace_id, set()):
            return path
    return []


def _back(collector: Any, span: Any, trace_id: str, seen: set[str]) -> list[Any]:
    if span.trace_id.hex() == trace_id and not span.parent_span_id:
        return [span]
    seen.add(span.span_id.hex())
    before = [span.parent_span_id.hex(), *(link.span_id.hex() for link in span.links)]
    for span_id in before:
        cause = collector.spans.get(span_id)
        if cause is not None and span_id not in seen and (path := _back(collector, cause, trace_id, seen)):
            return [*path, span]
    return []


def _nothing_private(collector: Any, driver: Driver) -> None:
    """No key, no name, no amount and no token in any span or metric."""
    words = [*PRIVATE, *(str(c.headers["authorization"])[-20:] for c in driver.clients.values())]
    values = [a.value.string_value for span in collector.spans.values() for a in span.attributes]
    values += [span.name for span in collector.spans.values()]
    for metric in collector.metrics.values():
        points = [*metric.histogram.data_points, *metric.gauge.data_points, *metric.sum.data_points]
        values += [a.value.string_value for point in points for a in point.attributes]
    whole = {part for value in values for part in value.replace("/", " ").replace(",", " ").split()}
    assert not [word for word in words if word in whole or any(word in v for v in values if len(word) > 5)]
