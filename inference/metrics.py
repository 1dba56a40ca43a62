"""Figures about the conversions for Prometheus. They may fall: these are gauges, not counters."""

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from inference import figures, queue


class ConversionCollector(Collector):
    """Asks the database, and Redis for its workers, at every scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, each named `slomo_…`."""
        states = GaugeMetricFamily("slomo_conversions", "Conversions by state.", labels=["state"])
        for state, count in figures.by_state().items():
            states.add_metric([state.value], count)
        yield states

        failed = GaugeMetricFamily(
            "slomo_conversions_failed", "Failed conversions by error code.", labels=["code"]
        )
        for failures in figures.failures():
            failed.add_metric([failures.code], failures.count)
        yield failed

        waiting = figures.oldest_waiting()
        age = (timezone.now() - waiting).total_seconds() if waiting else 0.0
        yield GaugeMetricFamily(
            "slomo_queue_oldest_seconds", "Age of the oldest waiting conversion.", value=age
        )
        yield GaugeMetricFamily(
            "slomo_new_frames_per_second",
            "Frames synthesised each second, by all running conversions together.",
            value=figures.speed(),
        )
        yield GaugeMetricFamily(
            "slomo_workers", "Workers that wait or work.", value=queue.workers_listening()
        )
