"""Tests of settings share their workers: so many at a time of an organization, and of everybody."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from accounts.servers import probes
from accounts.servers.failures import MailError
from tests import factories

pytestmark = pytest.mark.django_db

KIND = "fetching"


def start(member, number: int = 0) -> str:
    return probes.start(KIND, member, {"host": "pop.post.example", "username": f"box-{number}"})


@pytest.fixture
def member(acme, alice):
    return factories.membership(acme, alice)


@pytest.fixture
def other(umbrella, charlie):
    return factories.membership(umbrella, charlie)


def test_an_organization_runs_so_many_tests_at_a_time_and_others_still_can(member, other):
    for number in range(probes.AT_ONCE["organization"]):
        start(member, number)
    with pytest.raises(MailError, match="too_many_tests"):
        start(member, 99)
    assert start(other)


def test_everybody_together_leaves_threads_free(member, other, monkeypatch):
    monkeypatch.setitem(probes.AT_ONCE, "everybody", 1)
    first = start(member)
    with pytest.raises(MailError, match="too_many_tests"):
        start(other)
    probes.run(KIND, first, lambda settings, note: {})
    assert start(other), "also what was refused has left its place"


@pytest.mark.parametrize("end", [None, MailError("timeout"), RuntimeError()])
def test_a_test_that_has_ended_leaves_its_place(member, end):
    def check(settings, note):
        if end is not None:
            raise end
        return {}

    for number in range(2 * probes.AT_ONCE["organization"]):
        test = start(member, number)
        if isinstance(end, RuntimeError):
            with pytest.raises(RuntimeError):
                probes.run(KIND, test, check)
        else:
            probes.run(KIND, test, check)


def test_too_many_an_hour_take_no_place(member, monkeypatch):
    monkeypatch.setitem(probes.HOURLY, "person", 0)
    for _ in range(2 * probes.AT_ONCE["organization"]):
        with pytest.raises(MailError, match="too_many_tests"):
            start(member)


def test_a_place_that_ran_out_and_is_somebody_elses_stays_theirs(member, other):
    first = start(member)
    cache.delete_many([f"probes:running:everybody::{number}" for number in range(12)])
    start(other)
    probes.run(KIND, first, lambda settings, note: {})
    assert cache.get("probes:running:everybody::0") is not None


def test_what_is_saved_knows_nothing_of_places(member):
    test = start(member)
    assert probes.settings_of(KIND, test, member) == {"host": "pop.post.example", "username": "box-0"}
