"""`/healthz` and `/readyz`: does this process live, and can it take visitors?

For load balancers, supervisors and people.
"""

import logging
import tempfile
from collections.abc import Callable

import django_rq
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The state of what the site stands on.

    503 only without a database: with the queue down pages still work and conversions wait, so
    taking this process out of service would make matters worse.
    """
    database = _works("database", _ask_database)
    queue = _works("queue", _ask_queue)
    status = "ok" if database and queue else "degraded" if database else "down"
    body = {"status": status, "database": _word(database), "queue": _word(queue)}
    return JsonResponse(body, status=200 if database else 503)


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether visitors may be sent here: 503 until the database is there and migrated, and the
    media folder can be written to. A release that waits for its migrations is alive, not ready.
    """
    checks = {
        "database": _works("database", _ask_database),
        "migrations": _works("database's schema", _ask_migrations),
        "media": _works("media folder", _ask_media),
    }
    ready = all(checks.values())
    body = {"status": "ready" if ready else "not ready"}
    body |= {part: _word(works) for part, works in checks.items()}
    return JsonResponse(body, status=200 if ready else 503)


def _word(works: bool) -> str:
    return "ok" if works else "down"


def _works(part: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # whatever is wrong with it, the answer is that it does not work
        logger.warning("health: the %s does not answer", part, exc_info=True)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_migrations() -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise RuntimeError(f"{len(missing)} migrations have not been applied")


def _ask_media() -> None:
    with tempfile.TemporaryFile(dir=settings.MEDIA_ROOT) as file:
        file.write(b"ready")


def _ask_queue() -> None:
    django_rq.get_connection().ping()
