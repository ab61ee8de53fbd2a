"""A conveyor between two threads, bounded in bytes: reading and storing overlap, memory does not grow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The other end stopped."""


class Belt(Generic[T]):
    """One thread puts, one takes. `capacity` is in bytes; a single larger item passes alone."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[tuple[T, int]] = deque()
        self._load = 0
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None
        self._changed = Condition()

    def put(self, item: T, size: int) -> None:
        """Wait for room and put; raises Stopped when the taker stopped."""
        with self._changed:
            while self._items and self._load + size > self._capacity and not self._stopped:
                self._changed.wait()
            if self._stopped:
                raise Stopped
            self._items.append((item, size))
            self._load += size
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """No more will come; `error` is raised at the taker after the last item."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """The taker gives up; the putter's next `put` raises Stopped."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def batches(self, *, items: int, size: int, seconds: float, idle: float) -> Iterator[list[T]]:
        """Yield lists of at most `items` or `size` bytes, or what came within `seconds`.

        Yields an empty list after `idle` seconds without anything, so that the taker can send its heartbeat.
        """
        while True:
            batch, done = self._collect(items, size, seconds, idle)
            if batch or not done:
                yield batch
            if done:
                if self._error is not None:
                    raise self._error
                return

    def _collect(self, items: int, size: int, seconds: float, idle: float) -> tuple[list[T], bool]:
        batch: list[T] = []
        load, deadline = 0, time.monotonic() + idle
        with self._changed:
            while len(batch) < items and load < size:
                if self._items:
                    item, weight = self._items.popleft()
                    self._load -= weight
                    self._changed.notify_all()
                    if not batch:
                        deadline = time.monotonic() + seconds
                    batch.append(item)
                    load += weight
                    continue
                if self._ended:
                    return batch, True
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        return batch, False
