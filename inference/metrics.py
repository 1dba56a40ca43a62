"""Figures about the conversions for Prometheus, read from the rows when asked for.

Rows are the truth and outlive every process, so nothing is counted in memory and any web process
answers for all. A deleted conversion is no longer counted: these are gauges, not counters.
"""

from collections.abc import Iterator

from django.db.models import Count, Min, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from inference import queue
from inference.models import Conversion
from inference.states import State


class ConversionCollector(Collector):
    """Asks the database, and Redis for its workers, at every scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, each named `slomo_…`."""
        rows = Conversion.objects.order_by()
        states = GaugeMetricFamily("slomo_conversions", "Conversions by state.", labels=["state"])
        found = dict(rows.values_list("state").annotate(Count("pk")))
        for state in State:
            states.add_metric([state.value], found.get(state.value, 0))
        yield states

        failures = GaugeMetricFamily(
            "slomo_conversions_failed", "Failed conversions by error code.", labels=["code"]
        )
        failed = rows.filter(state=State.FAILED)
        for code, count in failed.values_list("error_code").annotate(Count("pk")):
            failures.add_metric([code], count)
        yield failures

        waiting = rows.filter(state=State.QUEUED).aggregate(oldest=Min("created_at"))["oldest"]
        age = (timezone.now() - waiting).total_seconds() if waiting else 0.0
        yield GaugeMetricFamily(
            "slomo_queue_oldest_seconds", "Age of the oldest waiting conversion.", value=age
        )
        speed = rows.filter(state=State.RUNNING).aggregate(sum=Sum("frames_per_second"))["sum"]
        yield GaugeMetricFamily(
            "slomo_new_frames_per_second",
            "Frames synthesised each second, by all running conversions together.",
            value=speed or 0.0,
        )
        yield GaugeMetricFamily(
            "slomo_workers", "Workers that wait or work.", value=queue.workers_listening()
        )
