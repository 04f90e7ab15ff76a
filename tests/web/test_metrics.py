"""What Prometheus reads: true counts, whole histograms, and nothing that strangers wrote."""

import re

import pytest
import urllib3

_LINE = re.compile(r'(lookalike_[a-z_0-9]+)(?:\{((?:[a-z]+="[^"]*",?)*)\})? (\S+)')


def _read(web):
    """Parse /metrics; give value by name and labels, and the kind of each metric."""
    samples, kinds = {}, {}
    for line in web.get("/metrics").text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            found = _LINE.fullmatch(line)
            assert found is not None, line
            labels = frozenset(re.findall(r'([a-z]+)="([^"]*)"', found[2] or ""))
            assert (found[1], labels) not in samples
            samples[found[1], labels] = float(found[3])
    return samples, kinds


def _get(samples, name, **labels):
    return samples[f"lookalike_{name}", frozenset((label, str(value)) for label, value in labels.items())]


def test_the_metrics_agree_with_the_archive(web, site):
    samples, _ = _read(web)
    stats = web.get("/v1/stats").json()

    assert {
        name: _get(samples, name) for name in ("images_total", "alerts_total", "clusters", "failures")
    } == {
        "images_total": stats["images"],
        "alerts_total": stats["alerts"],
        "clusters": stats["clusters"],
        "failures": stats["failures"],
    }
    assert _get(samples, "workers") == 1
    assert {lane: _get(samples, "waiting", lane=lane) for lane in ("live", "retry", "backlog")} == {
        "live": 0,
        "retry": 0,
        "backlog": 0,
    }
    assert _get(samples, "failed_total", reason="http_status") >= 2
    assert _get(samples, "failed_total", reason="not_an_image") >= 1
    assert _get(samples, "failed_total", reason="tls") == 0
    assert _get(samples, "redis_memory_bytes") > 100_000
    assert _get(samples, "log_rows") == site.client.strlen(site.keys.segment(0)) / 8
    lanes = [_get(samples, "image_seconds_count", lane=lane) for lane in ("live", "retry", "backlog")]
    assert sum(lanes) == stats["images"]


def test_the_replica_has_no_lag_after_a_search(web):
    web.get("/readyz")

    samples, _ = _read(web)

    assert _get(samples, "index_rows") == _get(samples, "log_rows")
    assert _get(samples, "index_lag_rows") == 0


def test_every_sample_has_its_kind_and_every_histogram_is_whole(web):
    web.get("/v1/stats")
    samples, kinds = _read(web)

    for name, kind in kinds.items():
        if kind != "histogram":
            assert any(sample == name for sample, _ in samples)
            continue
        series = {}
        for (sample, labels), value in samples.items():
            if sample == f"{name}_bucket":
                others = frozenset(pair for pair in labels if pair[0] != "le")
                series.setdefault(others, []).append((float(dict(labels)["le"]), value))
        assert series
        for labels, buckets in series.items():
            assert buckets == sorted(buckets)
            assert [count for _, count in buckets] == sorted(count for _, count in buckets)
            assert buckets[-1] == (float("inf"), samples[f"{name}_count", labels])
            assert samples[f"{name}_sum", labels] >= 0
    parts = ("_bucket", "_sum", "_count")
    for sample, _ in samples:
        base = next((sample.removesuffix(part) for part in parts if sample.endswith(part)), sample)
        assert sample in kinds or kinds.get(base) == "histogram"


def test_requests_are_counted_by_route_and_status(web):
    before, _ = _read(web)
    for path in (
        "/v1/images/copy%2F1",
        "/v1/images/copy%2F2",
        "/v1/images/nobody",
        "/static/style.css",
        "/what?x",
    ):
        web.get(path)
    after, _ = _read(web)

    def grown(**labels):
        key = ("lookalike_http_requests_total", frozenset(labels.items()))
        return after[key] - before.get(key, 0)

    image = "/v1/images/{image_id:path}"
    assert grown(method="GET", route=image, status="200") == 2
    assert grown(method="GET", route=image, status="404") == 1
    assert grown(method="GET", route="/static", status="200") == 1
    assert grown(method="GET", route="none", status="404") == 1


def test_clients_that_follow_the_alerts_are_counted(web, wait):
    with urllib3.PoolManager() as pool:
        stream = pool.request("GET", f"{web.url}/v1/alerts/stream", preload_content=False)
        wait(lambda: _get(_read(web)[0], "alert_streams") >= 1, what="the client is counted")
        stream.close()


@pytest.mark.parametrize(
    "word", ["http://", "https://", "secret", "token", "copy/", "chelsea", "tipline", "127.0.0.1"]
)
def test_nothing_that_strangers_wrote_stands_in_the_metrics(web, word):
    web.get("/v1/images/secret-token")
    web.get("/secret-token?token=secret")
    web.get("/v1/search?url=http://127.0.0.1:1/chelsea.jpg%3Ftoken=secret")

    assert word not in web.get("/metrics").text
