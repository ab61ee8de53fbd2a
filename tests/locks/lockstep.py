"""Two connections that take turns, a statement each: what one after the other would hide shows at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

PATIENCE = 120  # seconds until something hangs, on a busy machine


class Lockstep:
    """Runs two acts at once. One that waits for a lock of the other leaves its turns to that one."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.failures: list[BaseException] = []
        self._acts = acts
        self._turn = 0
        self._ended: set[int] = set()
        self._backends: dict[int, int] = {}
        self._changed = threading.Condition()

    def run(self) -> None:
        """Until both have ended; what they raise is in `failures`."""
        threads = [threading.Thread(target=self._act, args=[number], daemon=True) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "it hangs"

    def _act(self, me: int) -> None:
        with psycopg.connect(address(), autocommit=True) as monitor:

            def statement(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
                self._wait(me, monitor)
                raw = context["connection"].connection
                self._backends[me] = raw.info.backend_pid
                try:
                    return execute(sql, params, many, context)
                finally:
                    self._pass_on(me)

            try:
                with connection.execute_wrapper(statement):
                    self._acts[me]()
            except BaseException as error:  # what a thread raises would be lost
                self.failures.append(error)
            finally:
                connection.close()
                with self._changed:
                    self._ended.add(me)
                    self._changed.notify_all()

    def _wait(self, me: int, monitor: psycopg.Connection[Any]) -> None:
        with self._changed:
            while self._turn != me and 1 - me not in self._ended and not self._is_blocked(1 - me, monitor):
                self._changed.wait(0.005)

    def _is_blocked(self, other: int, monitor: psycopg.Connection[Any]) -> bool:
        backend = self._backends.get(other)
        if backend is None:
            return False
        row = monitor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [backend]).fetchone()
        return bool(row and row[0])

    def _pass_on(self, me: int) -> None:
        with self._changed:
            self._turn = 1 - me
            self._changed.notify_all()


def address() -> str:
    """Where psycopg itself finds the test's database."""
    given = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return make_conninfo(**{name: given[name] for name in names if name in given})
