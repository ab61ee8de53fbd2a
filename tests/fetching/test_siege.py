"""A short siege (tools/siege.py): with few threads, an organization whose servers drip leaves some to the others."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tools import siege

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]

THREADS = {
    "MAILHUB_FETCH_THREADS": "8",
    "MAILHUB_FETCH_SLOW_THREADS": "4",
    "MAILHUB_SEND_THREADS": "8",
    "MAILHUB_SEND_SLOW_THREADS": "4",
}
HALF = 4


def test_while_servers_drip_another_organization_fetches_sends_and_tests():
    """How long each takes depends on the machine; that it comes at all does not."""
    plan = siege.Plan(seconds=4, mailboxes=14, submissions=14, tests=6, environ=THREADS)
    # Not pytest's folder, which is its owner's alone: the servers' processes are other users when root starts them.
    with tempfile.TemporaryDirectory(prefix="mailhub-siege-") as name:
        Path(name).chmod(0o755)
        verdict = siege.run(plan, Path(name))
    assert verdict["samples"] >= 2
    assert max(each["worst"] for each in verdict["waits"].values()) < siege.PATIENCE, verdict
    assert verdict["dripping_sessions_at_a_time"]["sending"] <= HALF, verdict
    # Connection tests are sessions as well: four of an organization at a time.
    assert verdict["dripping_sessions_at_a_time"]["fetching"] <= HALF + 4, verdict
