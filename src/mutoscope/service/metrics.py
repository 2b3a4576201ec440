"""What Prometheus is told: requests as they come, jobs as the store counts them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from mutoscope.service.desk import Desk
from mutoscope.service.jobs import STATES


class Metrics:
    """The numbers of one application."""

    def __init__(self, desk: Desk) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "mutoscope_requests", "Requests answered.", ("method", "route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "mutoscope_request_seconds", "Seconds until an answer was whole.", ("route",),
            registry=self.registry,
        )  # fmt: skip
        self.registry.register(_Jobs(desk))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        known = method if method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Jobs(Collector):
    """Looks into the store when asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        counts = self._desk.store.counts()
        jobs = GaugeMetricFamily("mutoscope_jobs", "Jobs in each state.", labels=("state",))
        for state in STATES:
            jobs.add_metric((state,), counts.get(state, 0))
        yield jobs
        supervisor = self._desk.supervisor
        alive, restarts = (supervisor.alive(), supervisor.restarts) if supervisor else (0, 0)
        yield GaugeMetricFamily("mutoscope_workers", "Workers alive.", value=alive)
        yield GaugeMetricFamily("mutoscope_worker_restarts", "Workers replaced.", value=restarts)
