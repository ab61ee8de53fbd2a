"""How values lie in the cache: as JSON, so that whoever can write there cannot run code here, as with pickle."""

from __future__ import annotations

import json
from typing import Any


class JsonSerializer:
    """For Django's Redis cache; whole numbers stay as they are, since the server counts with them."""

    def dumps(self, value: Any) -> bytes | int:
        """Raises TypeError for what JSON cannot say: keep numbers, texts, lists and objects of these."""
        return value if type(value) is int else json.dumps(value, separators=(",", ":")).encode()

    def loads(self, data: bytes) -> Any:
        """The value; tuples come back as lists."""
        return json.loads(data)
