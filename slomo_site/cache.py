"""How cached values are written to Redis."""

import json
from typing import Any


class JSONSerializer:
    """JSON instead of Django's pickle, which would make a write to Redis a way to run code here."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
