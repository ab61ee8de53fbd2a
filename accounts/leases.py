"""Leases: a right with a time to live, renewed by whoever works, in transactions too short for anybody to notice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError, connection
from psycopg_pool import PoolTimeout

from accounts import tenancy

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Somebody else is responsible now, or a person has decided: stop, write nothing."""


def is_database_away(error: BaseException) -> bool:
    """Whether the connection was lost, or there is none to be had: a restart, not a refusal (SQLSTATE 08, 57P0x)."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if isinstance(cause, PoolTimeout):
        return True
    state = cause.sqlstate or "" if isinstance(cause, psycopg.OperationalError) else "none"
    return state == "" or state.startswith(("08", "57P0"))


@contextmanager
def connection_returned() -> Iterator[None]:
    """Give the connection back to the pool afterwards, because talking to a server comes next."""
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            connection.close()


@contextmanager
def short_scope(organization_id: int) -> Iterator[None]:
    """`tenancy.scope` that gives the connection back to the pool afterwards."""
    with connection_returned(), tenancy.scope(organization_id):
        yield


@contextmanager
def heartbeat(
    renew: Callable[[], object],
    *,
    seconds: float,
    name: str,
    on_lost: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Call `renew` every `seconds` from a thread of its own, called `name`, while this one waits for a server.

    It ends when `renew` raises LeaseLost, after calling `on_lost`. A database that is away is asked again at the
    next beat: the lease may still be good when it is back.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds):
            try:
                renew()
            except LeaseLost:
                on_lost()
                return
            except DatabaseError:
                logger.exception("%s was not renewed", name)

    thread = threading.Thread(target=beat, daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
