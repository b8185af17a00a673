"""A collector of our own: it takes OTLP over HTTP and keeps what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chassis import telemetry
from chassis.span import Span


class Collected:
    """What a collector was sent: spans with their service, and the newest word on each metric."""

    def __init__(self) -> None:
        self.spans: dict[str, Any] = {}
        self.services: dict[str, str] = {}
        self.metrics: dict[str, Any] = {}
        self.bodies: list[bytes] = []
        self.url = ""

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    self.spans[span.span_id.hex()] = span
                    self.services[span.span_id.hex()] = service
        else:
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {m.name: m for scope in resource.scope_metrics for m in scope.metrics}

    def called(self, name: str) -> list[Any]:
        """The spans of this name."""
        return [span for span in list(self.spans.values()) if span.name == name]

    def wait_for(self, there: Callable[[], object], seconds_max: float = 30.0) -> None:
        """Wait in a thread until something has come."""
        until = time.monotonic() + seconds_max
        while not there():
            assert time.monotonic() < until, sorted({s.name for s in self.spans.values()})
            time.sleep(0.05)


@pytest.fixture
def collector() -> Iterator[Collected]:
    """Listens on a free port of this machine."""
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collected.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    collected.url = f"http://127.0.0.1:{server.server_port}"
    yield collected
    server.shutdown()
    thread.join()
    server.server_close()


class Kept:
    """A keeper that remembers, and samples every trace or none."""

    def __init__(self, samples: bool = True) -> None:
        self.spans: list[Span] = []
        self._samples = samples

    def keep(self, span: Span) -> None:
        self.spans.append(span)

    def samples(self, trace_id: str) -> bool:
        return self._samples


@pytest.fixture
def keep() -> Iterator[Callable[[bool], Kept]]:
    """Begins to keep spans; ends with the test."""

    def begin(samples: bool = True) -> Kept:
        kept = Kept(samples)
        telemetry.keep_with(kept)
        return kept

    yield begin
    telemetry.keep_with(None)
