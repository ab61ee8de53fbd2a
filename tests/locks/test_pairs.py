"""Every two writers that share rows, statement by statement on two connections: no deadlock, and the books agree.

With INTERLEAVING_SECONDS (test_interleavings.py) also those pairs that lock little.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.conftest import check_books
from tests.locks import writers
from tests.locks.lockstep import Lockstep
from tests.locks.world import World, furnish

OTHERS = writers.WRITERS if "INTERLEAVING_SECONDS" in os.environ else writers.CENTRAL
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch):
    """What is ordered on commit is another writer's turn."""
    from celery.app.task import Task

    monkeypatch.setattr(Task, "apply_async", lambda *args, **options: None)


@pytest.mark.parametrize("first", writers.WRITERS, ids=lambda writer: writer.__name__)
def test_no_two_writers_wait_for_each_other(first, acme, alice, caplog):
    world = furnish(acme, alice)
    for number, second in enumerate(OTHERS):
        worlds = [World(world.membership, random.Random(number + 100 * n)) for n in (0, 1)]
        lockstep = Lockstep(lambda: first(worlds[0]), lambda: second(worlds[1]))  # noqa: B023
        lockstep.run()
        unexpected = [error for error in lockstep.failures if not isinstance(error, writers.REFUSALS)]
        assert not unexpected, (second.__name__, unexpected)
        assert "deadlock detected" not in caplog.text, second.__name__
        check_books()
