"""Samples as requests of OTLP over HTTP, in protobuf, for an OpenTelemetry collector.

Only the messages of `opentelemetry-proto` are used: the SDK's exporter takes much longer to import, and
more memory. This module is imported only where a collector is configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as messages

from runwatch.prometheus.table import Kind, Metric

MOST = 8000
"""Points of a request: collectors refuse more than some megabytes."""
_SECOND = 1_000_000_000
Point = tuple[Sequence[KeyValue], Sequence[str], float]
"""Labels of its subject, words of its own labels, and value."""


class Points:
    """Samples on their way to a collector."""

    def __init__(self) -> None:
        self._points: dict[Metric, list[Point]] = {}

    def add(
        self, metrics: Iterable[Metric], subject: object, names: Sequence[str], values: Sequence[str]
    ) -> None:
        """Add the samples of a subject, which all have these labels."""
        common = _attributes(names, values)
        for metric in metrics:
            for words, number in metric.samples(subject):
                if number is not None:
                    self._points.setdefault(metric, []).append((common, words, number))

    def requests(self, resource: Mapping[str, str], start: float, now: float) -> Iterator[bytes]:
        """Yield the requests with all of them; counters count since `start`. Times are Unix times."""
        made, count = _request(resource), 0
        for metric, points in self._points.items():
            for first in range(0, len(points), MOST):
                some = points[first : first + MOST]
                if count and count + len(some) > MOST:
                    yield made.SerializeToString()
                    made, count = _request(resource), 0
                count += len(some)
                _fill(made.resource_metrics[0].scope_metrics[0].metrics.add(), metric, some, start, now)
        if count:
            yield made.SerializeToString()


def partial_success(answer: bytes) -> tuple[int, str]:
    """Return how many points a collector that answered 200 has refused, and its words; 0 and "" if none."""
    try:
        said = ExportMetricsServiceResponse.FromString(answer).partial_success
    except Exception:  # protobuf's, which has no types: some answer in text
        return 0, ""
    return said.rejected_data_points, said.error_message


def _request(resource: Mapping[str, str]) -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    about = made.resource_metrics.add()
    about.resource.attributes.extend(_attributes(tuple(resource), tuple(resource.values())))
    about.scope_metrics.add().scope.name = "runwatch"
    return made


def _fill(into: messages.Metric, metric: Metric, points: Iterable[Point], start: float, now: float) -> None:
    """Make a metric of its samples: a counter is a sum, all others are gauges.

    Prometheus adds `_total` to the name of a sum by itself.
    """
    counts = metric.kind is Kind.COUNTER
    into.name = metric.name if counts else metric.sample
    into.description, into.unit = metric.help, metric.unit
    if counts:
        into.sum.is_monotonic = True
        into.sum.aggregation_temporality = messages.AGGREGATION_TEMPORALITY_CUMULATIVE
    data = into.sum.data_points if counts else into.gauge.data_points
    for common, words, number in points:
        point = data.add(time_unix_nano=int(now * _SECOND), as_double=number)
        if counts:
            point.start_time_unix_nano = int(start * _SECOND)
        point.attributes.extend(common)
        point.attributes.extend(_attributes(metric.labels, words))


def _attributes(names: Sequence[str], values: Sequence[str]) -> list[KeyValue]:
    """Return labels as attributes; an empty one is left out."""
    return [
        KeyValue(key=name, value=AnyValue(string_value=text))
        for name, text in zip(names, values, strict=True)
        if text
    ]
