"""A short soak (tools/soak.py): workers die while mail arrives, and nothing is lost, doubled or left lying."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.servers import dovecot
from tools import soak

pytestmark = [
    pytest.mark.dovecot,
    pytest.mark.slow,
    pytest.mark.skipif(
        dovecot.binary() is None, reason="Dovecot is not installed (apt-get install dovecot-pop3d)"
    ),
]


def test_killed_workers_lose_and_double_nothing():
    plan = soak.Plan(seconds=12, mailboxes=8, first=30, mail_a_second=8, pause=(1.5, 3))
    # Not pytest's folder, which is its owner's alone: the servers' processes are other users when root starts them.
    with tempfile.TemporaryDirectory(prefix="mailhub-soak-") as name:
        Path(name).chmod(0o755)
        verdict = soak.run(plan, Path(name))
    assert verdict.violations == [], verdict.as_json()
    assert verdict.figures["kills"] >= 3
    assert verdict.figures["stored"] == verdict.figures["mail"] > 8 * 30
