"""How values that processes share are kept in Redis: mainly the counts of the rate limits."""

import json
import logging
import time
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError, TimeoutError

logger = logging.getLogger(__name__)


class JSONSerializer:
    """JSON instead of Django's pickle, which would make a write to Redis a way to run code here."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class SharedCache(RedisCache):
    """Redis, and while that is away this process's own memory.

    So members can still sign in then, and who guesses passwords is still slowed down.
    """

    RETRY_SECONDS = 5

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        params["OPTIONS"] = {
            "serializer": "slomo_site.cache.JSONSerializer",
            "socket_connect_timeout": 2,
            "socket_timeout": 2,
            **params.get("OPTIONS", {}),
        }
        super().__init__(server, params)
        self._own = LocMemCache("while Redis is away", {"OPTIONS": {"MAX_ENTRIES": 100_000}})
        self._away_until = 0.0

    def add(self, *args: Any, **options: Any) -> bool:
        return bool(self._either("add", *args, **options))

    def get(self, *args: Any, **options: Any) -> Any:
        return self._either("get", *args, **options)

    def set(self, *args: Any, **options: Any) -> None:
        self._either("set", *args, **options)

    def touch(self, *args: Any, **options: Any) -> bool:
        return bool(self._either("touch", *args, **options))

    def delete(self, *args: Any, **options: Any) -> bool:
        return bool(self._either("delete", *args, **options))

    def _either(self, method: str, *args: Any, **options: Any) -> Any:
        if time.monotonic() >= self._away_until:
            try:
                return getattr(super(), method)(*args, **options)
            except (ConnectionError, TimeoutError):
                self._away_until = time.monotonic() + self.RETRY_SECONDS
                logger.warning("Redis is away: rate limits count in this process alone")
        return getattr(self._own, method)(*args, **options)
