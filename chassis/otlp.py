"""Spans and metrics in OTLP, OpenTelemetry's wire format (protobuf): what any collector takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as t

from chassis.metrics import AnyMetric, Counter, Histogram
from chassis.span import Kind, Span, Value, parse

KINDS: dict[Kind, t.Span.SpanKind.ValueType] = {
    "internal": t.Span.SPAN_KIND_INTERNAL,
    "server": t.Span.SPAN_KIND_SERVER,
    "client": t.Span.SPAN_KIND_CLIENT,
    "producer": t.Span.SPAN_KIND_PRODUCER,
    "consumer": t.Span.SPAN_KIND_CONSUMER,
}
SCOPE = InstrumentationScope(name="merit")


def spans_request(spans: Iterable[Span], resource: Mapping[str, str]) -> bytes:
    """The body of ``POST /v1/traces``. Each part of Merit (a service, the gateway) is a resource of its own."""
    by_service: dict[str, list[t.Span]] = {}
    for span in spans:
        by_service.setdefault(span.service, []).append(_span(span))
    resources = [
        t.ResourceSpans(resource=_resource(resource, service), scope_spans=[t.ScopeSpans(scope=SCOPE, spans=some)])
        for service, some in by_service.items()
    ]
    body: bytes = ExportTraceServiceRequest(resource_spans=resources).SerializeToString()
    return body


def metrics_request(
    metrics: Sequence[AnyMetric], resource: Mapping[str, str], service: str, since_ns: int, now_ns: int
) -> bytes:
    """The body of ``POST /v1/metrics``: sums and histograms since ``since_ns``, gauges as of ``now_ns``."""
    found = [_metric(metric, since_ns, now_ns) for metric in metrics if metric.values]
    scoped = m.ScopeMetrics(scope=SCOPE, metrics=found)
    resources = [m.ResourceMetrics(resource=_resource(resource, service), scope_metrics=[scoped])]
    body: bytes = ExportMetricsServiceRequest(resource_metrics=resources).SerializeToString()
    return body


def _resource(resource: Mapping[str, str], service: str) -> Resource:
    return Resource(attributes=_pairs({"service.name": f"merit-{service}", "service.namespace": "merit", **resource}))


def _span(span: Span) -> t.Span:
    made = t.Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id),
        name=span.name,
        kind=KINDS[span.kind],
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_pairs(span.attributes),
        links=list(_links(span.links)),
        flags=int(span.sampled),
    )
    if span.error:
        made.status.code = t.Status.STATUS_CODE_ERROR
        made.attributes.extend(_pairs({"error.type": span.error}))
    return made


def _links(traceparents: Iterable[str]) -> Iterator[t.Span.Link]:
    for traceparent in traceparents:
        if found := parse(traceparent):
            yield t.Span.Link(trace_id=bytes.fromhex(found[0]), span_id=bytes.fromhex(found[1]))


def _metric(metric: AnyMetric, since_ns: int, now_ns: int) -> m.Metric:
    made = m.Metric(name=metric.name, unit=metric.unit, description=metric.description)
    if isinstance(metric, Histogram):
        made.histogram.aggregation_temporality = m.AGGREGATION_TEMPORALITY_CUMULATIVE
        for labels, series in list(metric.values.items()):
            counts = list(series.counts)
            made.histogram.data_points.append(
                m.HistogramDataPoint(
                    attributes=_pairs(dict(zip(metric.labels, labels, strict=True))),
                    start_time_unix_nano=since_ns,
                    time_unix_nano=now_ns,
                    count=sum(counts),
                    sum=series.sum,
                    bucket_counts=counts,
                    explicit_bounds=metric.bounds,
                )
            )
        return made
    points = [
        m.NumberDataPoint(
            attributes=_pairs(dict(zip(metric.labels, labels, strict=True))),
            start_time_unix_nano=since_ns if isinstance(metric, Counter) else 0,
            time_unix_nano=now_ns,
            as_double=value,
        )
        for labels, value in list(metric.values.items())
    ]
    if isinstance(metric, Counter):
        made.sum.is_monotonic = True
        made.sum.aggregation_temporality = m.AGGREGATION_TEMPORALITY_CUMULATIVE
        made.sum.data_points.extend(points)
    else:
        made.gauge.data_points.extend(points)
    return made


def _pairs(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items() if value != ""]


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
