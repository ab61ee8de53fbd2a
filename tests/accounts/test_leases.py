"""Leases: the heart goes on beating while the database is away, and says when the lease is lost."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connection

from accounts import leases, tenancy
from accounts.leases import LeaseLost


def test_the_heart_survives_a_database_that_is_away(caplog):
    beats, failures = threading.Semaphore(0), [OperationalError("the server closed the connection")]

    def renew():
        if failures:
            raise failures.pop()
        beats.release()

    with leases.heartbeat(renew, seconds=0.01, name="lease 7"):
        assert beats.acquire(timeout=20)
    assert "lease 7 was not renewed" in caplog.text


def test_a_lost_lease_ends_the_heart_and_tells_once():
    told, calls = threading.Event(), []

    def renew():
        calls.append(1)
        raise LeaseLost

    with leases.heartbeat(renew, seconds=0.01, name="lease 8", on_lost=told.set):
        assert told.wait(20)
        for thread in [each for each in threading.enumerate() if each.name == "lease 8"]:
            thread.join(20)
    assert len(calls) == 1


@pytest.mark.django_db(transaction=True)
def test_a_short_scope_gives_its_connection_back(acme):
    with leases.short_scope(acme.pk):
        assert connection.connection is not None
    assert connection.connection is None
    with tenancy.scope(acme.pk):
        with leases.short_scope(acme.pk):
            pass
        assert connection.connection is not None  # the outer transaction still needs it
