"""The text that Prometheus reads (format 0.0.4). No URL, no id, no source stands in it: only counts."""

from collections.abc import Iterable, Mapping
from typing import Any

from worker.errors import REASONS, ArchiveMissingError
from worker.reading.latencies import STEPS, bucket_start_ms, read_latencies
from worker.reading.statistics import read_counters, read_stats, read_status
from worker.web.request_counts import BOUNDS_S, RequestCounts
from worker.web.service import Service

OCTAVES = range(1, 33)
"""Upper bounds of the latencies' histogram: 2^n - 1 ms, from 1 ms to 50 days."""

_Samples = Iterable[tuple[Mapping[str, object], float]]


def write_metrics(service: Service, counts: RequestCounts, *, followers: int) -> str:
    """Give all metrics: of the archive and its workers, and of this process. Cost: about ten round trips."""
    return "\n".join([*_archive(service), *_process(service, counts, followers)]) + "\n"


def _archive(service: Service) -> list[str]:
    client, keys = service.client, service.keys
    stats, status, memory = read_stats(client, keys), read_status(client, keys), client.info("memory")
    counters = read_counters(client, keys)
    lines = []
    for name, kind, told, value in (
        ("images_total", "counter", "Images recorded", stats["images"]),
        ("alerts_total", "counter", "Alerts published", stats["alerts"]),
        ("clusters", "gauge", "Distinct hashes", stats["clusters"]),
        ("log_rows", "gauge", "Rows of the log of hashes", counters.get("rows", 0)),
        ("failures", "gauge", "Entries kept in failures", stats["failures"]),
        ("in_flight", "gauge", "Entries that workers have in hand", status["in_flight"]),
        ("delayed", "gauge", "Entries that wait for another attempt", status["delayed"]),
        ("workers", "gauge", "Workers heard of in the last 5 seconds", status["workers"]),
        ("redis_memory_bytes", "gauge", "Memory that the server uses", memory.get("used_memory", 0)),
        ("redis_memory_limit_bytes", "gauge", "Its maxmemory; 0 for none", memory.get("maxmemory", 0)),
    ):
        lines += _metric(name, kind, told, [({}, value)])
    waiting = [({"lane": lane}, count) for lane, count in status["waiting"].items()]
    lines += _metric("waiting", "gauge", "Entries that wait, by lane", waiting)
    failed = [({"reason": reason}, counters.get(f"failed:{reason}", 0)) for reason in REASONS]
    lines += _metric("failed_total", "counter", "Images that ended as a failure, by reason", failed)
    return lines + _latencies(client, keys)


def _latencies(client: Any, keys: Any) -> list[str]:  # noqa: ANN401 - redis-py's types are unions
    name, told = "image_seconds", "From an image's entry on its lane to its end, by lane"
    lines = _head(name, "histogram", told)
    for lane, (counts, total_ms) in read_latencies(client, keys).items():
        below = [
            ((bucket_start_ms(octave * STEPS)) / 1000, _below(counts, octave * STEPS)) for octave in OCTAVES
        ]
        lines += _histogram(name, {"lane": lane}, below, sum(counts.values()), total_ms / 1000)
    return lines


def _below(counts: Mapping[int, int], bucket: int) -> int:
    return sum(count for at, count in counts.items() if at < bucket)


def _process(service: Service, counts: RequestCounts, followers: int) -> list[str]:
    rows = _held_rows(service)
    # Read after the replica's, so that what is filed between the two shows as a lag and never as a lead.
    in_log = read_counters(service.client, service.keys).get("rows", 0)
    lines = _metric("index_rows", "gauge", "Hashes in this process's replica of the index", [({}, rows)])
    lag = max(0, in_log - rows)
    lines += _metric(
        "index_lag_rows", "gauge", "Rows of the log that the replica has not read yet", [({}, lag)]
    )
    lines += _metric("alert_streams", "gauge", "Clients that follow the alerts", [({}, followers)])
    answered = [
        ({"method": method, "route": route, "status": status}, count)
        for (method, route, status), count in sorted(counts.answered.items())
    ]
    lines += _metric("http_requests_total", "counter", "Requests that this process answered", answered)
    name = "http_request_seconds"
    lines += _head(name, "histogram", "From a request to the first byte of its answer, by route")
    for route in sorted(counts.times):
        times = counts.times[route]
        below = [(bound, sum(times[: at + 1])) for at, bound in enumerate(BOUNDS_S)]
        lines += _histogram(name, {"route": route}, below, sum(times), counts.seconds[route])
    return lines


def _held_rows(service: Service) -> int:
    try:
        return service.archive().lookup.held_rows()
    except ArchiveMissingError:
        return 0


def _head(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP lookalike_{name} {told}.", f"# TYPE lookalike_{name} {kind}"]


def _metric(name: str, kind: str, told: str, samples: _Samples) -> list[str]:
    return [*_head(name, kind, told), *(_line(name, labels, value) for labels, value in samples)]


def _histogram(
    name: str,
    labels: Mapping[str, object],
    below: Iterable[tuple[float, int]],
    count: int,
    total: float,
) -> list[str]:
    return [
        *(_line(f"{name}_bucket", {**labels, "le": f"{bound:g}"}, passed) for bound, passed in below),
        _line(f"{name}_bucket", {**labels, "le": "+Inf"}, count),
        _line(f"{name}_sum", labels, round(total, 6)),
        _line(f"{name}_count", labels, count),
    ]


def _line(name: str, labels: Mapping[str, object], value: float) -> str:
    inner = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"lookalike_{name}{{{inner}}} {value}" if inner else f"lookalike_{name} {value}"
