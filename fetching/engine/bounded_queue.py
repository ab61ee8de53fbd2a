"""A queue between two threads, bounded in bytes: reading and storing overlap, memory does not grow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from threading import Condition, Lock
from typing import Generic, TypeVar

T = TypeVar("T")
FIRST_ITEMS = 25


class QueueStopped(Exception):
    """The other end stopped."""


class BoundedQueue(Generic[T]):
    """One thread puts, one takes. `capacity` is in bytes; a single larger item passes alone."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[tuple[T, int]] = deque()
        self._load = 0
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None
        self._wanted = (1, 1)  # items and bytes that the taker waits for
        self._is_full = False  # the putter waits
        lock = Lock()
        self._room, self._batch = Condition(lock), Condition(lock)

    def put(self, item: T, size: int) -> None:
        """Wait for room and put; raises Stopped when the taker stopped."""
        with self._room:
            while self._items and self._load + size > self._capacity and not self._stopped:
                self._is_full = True
                self._batch.notify()
                self._room.wait()
            if self._stopped:
                raise QueueStopped
            self._items.append((item, size))
            self._load += size
            # Not for each item: threads that wake each other all the time take turns instead of working at once.
            if len(self._items) == 1 or self._has_batch():
                self._batch.notify()

    def end(self, error: BaseException | None = None) -> None:
        """No more will come; `error` is raised at the taker after the last item."""
        with self._batch:
            self._ended, self._error = True, error
            self._batch.notify()

    def stop(self) -> None:
        """The taker gives up; the putter's next `put` raises Stopped."""
        with self._room:
            self._stopped = True
            self._items.clear()
            self._room.notify()

    def batches(self, *, items: int, size: int, seconds: float, idle: float) -> Iterator[list[T]]:
        """Yield lists of at most `items` or `size` bytes, or what came within `seconds`.

        The first ones are smaller, so that the taker has something to do while the putter fills the queue.
        Yields an empty list after `idle` seconds without anything, so that the taker can send its heartbeat.
        """
        least = min(FIRST_ITEMS, items)
        while True:
            batch, done = self._collect(least, items, size, seconds, idle)
            if batch or not done:
                yield batch
            if batch:
                least = min(2 * least, items)
            if done:
                if self._error is not None:
                    raise self._error
                return

    def _collect(
        self, least: int, items: int, size: int, seconds: float, idle: float
    ) -> tuple[list[T], bool]:
        batch: list[T] = []
        load = 0
        with self._batch:
            self._wanted = least, size
            self._wait(seconds, idle)
            while self._items and len(batch) < items and load < size:
                item, weight = self._items.popleft()
                batch.append(item)
                load += weight
            self._load -= load
            self._is_full = False
            self._room.notify()
            return batch, self._ended and not self._items

    def _wait(self, seconds: float, idle: float) -> None:
        """Until there is a batch, or what there is must do."""
        deadline, begun = time.monotonic() + idle, False
        while not (self._has_batch() or self._is_full or self._ended):
            if self._items and not begun:
                deadline, begun = time.monotonic() + seconds, True
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._batch.wait(left)

    def _has_batch(self) -> bool:
        items, size = self._wanted
        return len(self._items) >= items or self._load >= size
