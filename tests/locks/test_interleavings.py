"""All writers at once in any order: no deadlock, and counters, meter and ledger say the same at the end.

It explores, so it runs only when asked: INTERLEAVING_SECONDS=300, INTERLEAVING_SEED for another order. It is known to
find that removing an account touches messages of other accounts after the storage meter. Pairs are always tested.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time

import pytest
from django.db import connection

from tests.locks import writers
from tests.locks.world import World, furnish

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "INTERLEAVING_SECONDS" not in os.environ, reason="set INTERLEAVING_SECONDS to explore"
    ),
]
SECONDS = float(os.environ.get("INTERLEAVING_SECONDS", "8"))
SEED = os.environ.get("INTERLEAVING_SEED", "1")
THREADS = 4


def test_all_writers_in_any_order_neither_deadlock_nor_miscount(acme, alice, bob, monkeypatch, caplog):
    from celery.app.task import Task

    monkeypatch.setattr(Task, "apply_async", lambda *args, **options: None)
    caplog.set_level(logging.ERROR)
    worlds = [furnish(acme, alice), furnish(acme, bob)]
    until = time.monotonic() + SECONDS
    failures: list[tuple[str, BaseException]] = []

    def work(number: int) -> None:
        chance = random.Random(f"{SEED}/{number}")
        world = World(worlds[number % 2].membership, chance)
        while time.monotonic() < until and not failures:
            writer = chance.choice(writers.WRITERS)
            try:
                writer(world)
            except writers.REFUSALS:
                pass
            except BaseException as error:  # what a thread raises would be lost
                failures.append((writer.__name__, error))
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert "deadlock detected" not in caplog.text
