"""A collector that is dead or silent slows nothing: work goes on, memory is bounded, and the end comes in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from chassis import telemetry
from chassis.metric_names import HTTP_REQUEST_DURATION, TELEMETRY_DROPPED
from chassis.telemetry_export import SHUTDOWN_SECONDS_MAX, Collector, exporting
from chassis.telemetry_outlet import WAITING_SPANS_MAX

SPANS = 3 * WAITING_SPANS_MAX
SPAN_SECONDS_MAX = 0.001
"""Far above what one takes, far below what a request to a collector would."""


@pytest.fixture(params=["dead", "silent"])
def bad_collector(request: pytest.FixtureRequest) -> Iterator[str]:
    """Nobody listens; or somebody does, and never answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if request.param == "silent":
            taken.listen(64)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_a_bad_collector_slows_nothing_and_shutting_down_is_bounded(bad_collector):
    async with exporting("test", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": bad_collector}):
        since = time.perf_counter()
        for _ in range(SPANS):
            with telemetry.span("work"):
                pass
        each = (time.perf_counter() - since) / SPANS
        ending = time.perf_counter()
    assert each < SPAN_SECONDS_MAX, f"{each * 1e6:.1f} us a span"
    assert time.perf_counter() - ending < SHUTDOWN_SECONDS_MAX + 1
    assert not telemetry.recording()


async def test_the_queue_is_bounded_and_what_does_not_fit_is_counted(collector):
    before = sum(TELEMETRY_DROPPED.values.values())
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with exporting("test", environment=environment):
        for _ in range(SPANS):
            with telemetry.span("work"):
                pass
    dropped = sum(TELEMETRY_DROPPED.values.values()) - before
    assert len(collector.called("work")) + dropped == SPANS


async def test_metrics_arrive_with_their_labels_and_are_told_a_last_time(collector):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_RESOURCE_ATTRIBUTES": "deployment=blue%20one"}
    async with exporting("test", environment=environment):
        HTTP_REQUEST_DURATION.record(0.003, "test", "GET", "/v1/things/{id}", "200")
    histogram = collector.metrics["http.server.request.duration"].histogram
    points = [{a.key: a.value.string_value for a in p.attributes} | {"count": p.count} for p in histogram.data_points]
    wanted = {"service.part": "test", "http.request.method": "GET", "http.route": "/v1/things/{id}"}
    assert [p["count"] for p in points if p.items() >= wanted.items()] == [1]
    assert any(b"blue one" in body for body in collector.bodies)


def test_the_environment_says_whether_where_and_how_much():
    assert Collector.from_environment({}) is None
    off = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there", "OTEL_SDK_DISABLED": "true"}
    assert Collector.from_environment(off) is None
    said = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://there:4318/",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%3Db, x=1",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
    }
    found = Collector.from_environment(said)
    assert found is not None
    assert (found.endpoint, found.headers, found.ratio) == (
        "http://there:4318",
        {"api-key": "a=b", "x": "1"},
        0.25,
    )
