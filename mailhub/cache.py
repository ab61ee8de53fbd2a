"""The cache: shared by all processes, or, while its server is away, each process's own: no page depends on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# Sessions are in the database; one that this process remembered would outlive a sign-out at another one.
_SESSIONS: Final = "django.contrib.sessions"
_TELL_SECONDS: Final = 60.0
_NAMED: Final = ("add", "get", "set", "touch", "delete", "incr", "has_key")
_OTHERS: Final = ("get_many", "set_many", "delete_many", "clear")


class Cache(RedisCache):
    """Limits of attempts still count while the server is away, if only for each process."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._told = -_TELL_SECONDS
        self._own = LocMemCache("while the cache server is away", {"MAX_ENTRIES": 10_000})

    def _tell(self, error: RedisError) -> None:
        if time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            logger.warning("the cache server is away: %s", type(error).__name__)

    def answers(self) -> None:
        """Ask the server itself. Raises RedisError."""
        super().get("health")


def _degrading(name: str) -> Callable[..., Any]:
    def call(self: Cache, *args: Any, **options: Any) -> Any:
        try:
            return getattr(RedisCache, name)(self, *args, **options)
        except RedisError as error:
            self._tell(error)
        if name in _NAMED and str(args[0] if args else options["key"]).startswith(_SESSIONS):
            return options.get("default", args[1] if len(args) > 1 else None) if name == "get" else False
        if name == "incr":  # it was counted at the server until now
            self._own.add(args[0] if args else options["key"], 0)
        return getattr(self._own, name)(*args, **options)

    return call


for _name in (*_NAMED, *_OTHERS):
    setattr(Cache, _name, _degrading(_name))
