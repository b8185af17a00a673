"""Sends spans and metrics to an OpenTelemetry collector over OTLP/HTTP, if the environment names one.

``OTEL_EXPORTER_OTLP_ENDPOINT`` turns it on; ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_TRACES_SAMPLER_ARG`` (the share of traces that is kept; errors and money always are) and
``OTEL_METRIC_EXPORT_INTERVAL`` (ms) are OpenTelemetry's own names too.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx

from chassis import metric_names, otlp, telemetry, vitals
from chassis.clock import SystemClock, random_hex, stamp_ns
from chassis.metrics import declared
from chassis.span import Span
from chassis.telemetry import Keeper
from chassis.telemetry_outlet import Outlet, Sampling

SEND_SECONDS_MAX = 2.0
"""How long one request to the collector may take; its thread waits, nobody else."""
SHUTDOWN_SECONDS_MAX = 3.0
METRICS_MS = 15_000
PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass(frozen=True)
class Collector:
    """Where to send to, and what to say of this process. ``ratio``: the share of traces that is kept."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    ratio: float = 1.0
    metrics_seconds: float = METRICS_MS / 1000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Collector | None:
        """The collector that the environment names, if it does. Raises ValueError for a number that is none."""
        endpoint = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
        if not endpoint or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return None
        here = {"host.name": socket.gethostname(), "service.instance.id": random_hex(16)}
        return cls(
            endpoint,
            _pairs(environment.get("OTEL_EXPORTER_OTLP_HEADERS", "")),
            here | _pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", "")),
            min(1.0, max(0.0, float(environment.get("OTEL_TRACES_SAMPLER_ARG") or 1.0))),
            float(environment.get("OTEL_METRIC_EXPORT_INTERVAL") or METRICS_MS) / 1000,
        )


class Exporter:
    """A thread that sends what is kept, and the metrics every so often; ``part``: of what process they are."""

    def __init__(self, collector: Collector, part: str) -> None:
        self._collector, self._part = collector, part
        self._http = httpx.Client(timeout=SEND_SECONDS_MAX, trust_env=False, headers={**PROTOBUF, **collector.headers})
        self._clock = SystemClock()
        self._since_ns, self._told_at = stamp_ns(), self._clock.monotonic()
        self.outlet = Outlet(self._send_spans, Sampling(collector.ratio), self._send_metrics)

    def close(self) -> None:
        """Send what waits, within SHUTDOWN_SECONDS_MAX."""
        self._told_at = -self._collector.metrics_seconds  # the last word on the metrics, too
        self.outlet.close(SHUTDOWN_SECONDS_MAX)

    def _send_spans(self, spans: Sequence[Span]) -> None:
        self._post("/v1/traces", otlp.spans_request(spans, self._collector.resource))

    def _send_metrics(self) -> None:
        now = self._clock.monotonic()
        if now - self._told_at < self._collector.metrics_seconds:
            return
        self._told_at = now
        metrics = list(declared(metric_names))
        said = otlp.metrics_request(metrics, self._collector.resource, self._part, self._since_ns, stamp_ns())
        self._post("/v1/metrics", said)

    def _post(self, path: str, body: bytes) -> None:
        self._http.post(self._collector.endpoint + path, content=body).raise_for_status()


@dataclass(frozen=True)
class Both:
    """Two keepers as one; the first decides what is sampled."""

    first: Keeper
    second: Keeper

    def keep(self, span: Span) -> None:
        """Hand it to both."""
        self.first.keep(span)
        self.second.keep(span)

    def samples(self, trace_id: str) -> bool:
        """As the first one says."""
        return self.first.samples(trace_id)


@asynccontextmanager
async def exporting(
    part: str, beside: Outlet | None = None, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[None]:
    """Spans and metrics go to the collector that ``environment`` names, and spans to ``beside`` too, while the
    context is open; without both nothing is recorded. Leaving takes SHUTDOWN_SECONDS_MAX for each at the most."""
    collector = Collector.from_environment(environment)
    exporter = Exporter(collector, part) if collector else None
    keepers = [keeper for keeper in (exporter and exporter.outlet, beside) if keeper]
    telemetry.keep_with(Both(*keepers) if len(keepers) > 1 else keepers[0] if keepers else None)
    measuring = asyncio.create_task(vitals.measure()) if exporter else None
    try:
        yield
    finally:
        telemetry.keep_with(None)
        if measuring:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)
        if exporter:
            await asyncio.to_thread(exporter.close)
        if beside:
            await asyncio.to_thread(beside.close, SHUTDOWN_SECONDS_MAX)


def _pairs(text: str) -> dict[str, str]:
    """``a=1,b=2`` as OpenTelemetry writes headers and attributes (values are percent-encoded)."""
    found = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {key.strip(): unquote(value.strip()) for key, _, value in found}
