"""`/metrics`: the site's figures in Prometheus' text format."""

import shutil
from collections.abc import Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from inference.metrics import ConversionCollector


class DiskCollector(Collector):
    """Room where videos and results are kept."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Bytes in all and free."""
        usage = shutil.disk_usage(settings.MEDIA_ROOT)
        yield GaugeMetricFamily("slomo_disk_bytes", "Size of the media disk.", value=usage.total)
        yield GaugeMetricFamily(
            "slomo_disk_free_bytes", "Free bytes of the media disk.", value=usage.free
        )


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for staff and for whoever has SLOMO_METRICS_TOKEN; for others there is no page.

    How many videos a site works on is nobody else's business.
    """
    if not (_has_token(request) or (request.user.is_active and request.user.is_staff)):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    # `describe` would run every query once more, only to learn the names.
    for collector in (ConversionCollector(), DiskCollector()):
        registry.register(collector)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    expected = settings.SLOMO_METRICS_TOKEN
    sent = request.headers.get("Authorization", "")
    return bool(expected) and constant_time_compare(sent, f"Bearer {expected}")
