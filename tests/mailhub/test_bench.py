"""The benchmarks' own instruments: they must measure what they say, and refuse what proves nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tenancy
from fetching.models import FetchState
from fetching.scheduler import claims
from tools.bench import generate, report
from tools.bench.__main__ import BENCHES
from tools.bench.delay import HOST, slow_line
from tools.bench.peers import Peer, installed
from tools.bench.processes import Failed, measured, tree_cpu
from tools.bench.results import Results, Row, at_least, at_most
from tools.soak_checks import mailbox_violations

MACHINE = {"processor": "one of them"}
BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def row(**values: object) -> Row:
    return Row(**{"bench": 1, "what": "much", "unit": "messages/s", "mailhub": 30.0, **values})


# ── Results ─────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("target", "other", "met", "missed_by"),
    [
        (at_least(2), 10.0, True, 0.0),
        (at_least(4), 10.0, False, 0.25),
        (at_most(3), 10.0, True, 0.0),
        (at_most(2), 10.0, False, 0.5),
        (at_most(20), None, False, 0.5),
        (at_least(30), None, True, 0.0),
    ],
)
def test_a_target_is_about_the_ratio_or_the_figure_alone(target, other, met, missed_by):
    judged = row(target=target, peer="mpop" if other else "", other=other)
    assert judged.met is met
    assert judged.as_json()["missed_by"] == missed_by


def test_results_go_to_stdout_and_are_added_to_the_file(tmp_path, capsys):
    path = tmp_path / "deep" / "results.jsonl"
    for _ in range(2):
        Results(path, MACHINE).add(row(peer="mpop", other=10.0))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("ratio") for line in lines] == [None, 3.0, None, 3.0]


def test_a_run_replaces_its_own_section_of_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- bench 1 -->\nold one\n<!-- end of bench 1 -->\n"
        "<!-- bench 2 -->\nold two\n<!-- end of bench 2 -->\nafter\n"
    )
    missed = row(
        peer="mpop", other=20.0, target=at_least(2), parts={"CPU of Mailhub": 1.5}, note=r"\1 a note"
    )
    report.write([missed], MACHINE, page)
    text = page.read_text()
    assert "| much | messages/s | 30 | mpop | 20 | 1.5 × | ≥ 2 × | **missed** |" in text
    assert "**Missed by 25%**: much against mpop. Of Mailhub's run: CPU of Mailhub 1.5." in text
    assert r"\1 a note" in text
    assert "one of them" in text
    assert "old one" not in text
    assert "old two" in text
    assert text.startswith("before")
    assert text.endswith("after\n")


def test_the_page_has_a_place_for_every_benchmark(tmp_path):
    page = tmp_path / "page.md"
    shutil.copy(report.PAGE, page)
    report.write([row(bench=number) for number in BENCHES], MACHINE, page)
    assert page.read_text().count("one of them") == len(BENCHES)
    with pytest.raises(ValueError, match="no place for benchmark 99"):
        report.write([row(bench=99)], MACHINE, page)


# ── Processes ───────────────────────────────────────────────────────────────
def test_a_program_that_fails_or_does_not_end_proves_nothing(tmp_path):
    with pytest.raises(Failed, match=r"ended with 3: so it is"):
        measured(["sh", "-c", "echo so it is; exit 3"], environ={}, folder=tmp_path, limit=60)
    with pytest.raises(Failed, match=r"longer than 0 s"):
        measured(["sh", "-c", "sleep 60"], environ={}, folder=tmp_path, limit=0.1)


def test_memory_and_time_are_the_programs_own(tmp_path):
    big = measured(
        [sys.executable, "-S", "-c", f"held = b'x' * 80_000_000; {BUSY}"],
        environ={},
        folder=tmp_path,
        limit=60,
    )
    small = measured(["sh", "-c", "sleep 0.2"], environ={}, folder=tmp_path, limit=60)
    assert big.memory > 76
    assert 0 < small.memory < 20
    assert big.cpu >= 0.2
    assert small.cpu < 0.2 <= small.wall


def test_the_time_of_a_tree_counts_children_that_have_ended():
    before = tree_cpu(os.getpid())
    measured([sys.executable, "-S", "-c", BUSY], environ={}, folder=os.curdir, limit=60)
    assert tree_cpu(os.getpid()) - before >= 0.15


def test_a_peer_whose_mail_does_not_arrive_is_a_failure():
    class Idle(Peer):
        name = "idle"

        def configure(self, home, box):
            return ["true"]

    assert Idle().fetch(None, 0, limit=60).output == ""
    with pytest.raises(Failed, match="idle: 0 of 5 messages arrived"):
        Idle().fetch(None, 5, limit=60)


def test_only_peers_that_are_here_take_part(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert installed() == {}


# ── The slow line ───────────────────────────────────────────────────────────
def echo(listener: socket.socket) -> None:
    """Give back what comes until the other side ends, then say so."""
    line, _ = listener.accept()
    with line:
        while data := line.recv(65536):
            line.sendall(data)
        line.sendall(b"the end")


def test_a_slow_line_delays_and_changes_nothing():
    with socket.create_server((HOST, 0)) as listener, slow_line(60, listener.getsockname()[1]) as port:
        server = threading.Thread(target=echo, args=[listener])
        server.start()
        sent = os.urandom(700_000)
        received = b""
        started = time.monotonic()
        with socket.create_connection((HOST, port), 20) as line:
            writer = threading.Thread(target=lambda: (line.sendall(sent), line.shutdown(socket.SHUT_WR)))
            writer.start()
            first = line.recv(1)
            waited = time.monotonic() - started
            while data := line.recv(65536):
                received += data
            writer.join()
        server.join()
    assert first + received == sent + b"the end"
    assert waited >= 0.12  # one round trip to connect, one for the first byte


# ── A million accounts ──────────────────────────────────────────────────────
def test_made_accounts_are_what_the_dispatcher_looks_for(db):
    def execute(query, parameters):
        with connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    with tenancy.system():
        generate.accounts(execute, 0, 30)
        generate.accounts(execute, 30, 2_050)
        assert FetchState.objects.count() == 2_050
        assert claims.claim_due(100) == []
        chosen = [generate.account_of_server(server, 1) for server in (0, 1, 999)]
        states = FetchState.objects.filter(pk__in=chosen)
        assert len(set(states.values_list("server", flat=True))) == 3
        assert set(states.values_list("account__host", flat=True)) == {f"pop{n}.example" for n in (0, 1, 999)}
        states.update(next_run_at=timezone.now() - timedelta(minutes=1))
        assert {claim.account_id for claim in claims.claim_due(100)} == set(chosen)


# ── The soak ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("kept", "left", "deletes", "words"),
    [
        (["a", "b"], "", True, []),
        (["a", "b"], "ab", False, []),
        (["a"], "b", True, ["1 of 2 messages are not stored", "1 messages should have been deleted"]),
        (["a", "b", "b"], "", True, ["1 messages are stored more than once"]),
        (["a", "b", "c"], "ab", False, ["1 stored messages were never on the server"]),
        (["a", "b"], "a", False, ["1 messages were deleted on the server, against the policy"]),
        (["a"], "", True, ["1 of 2 messages are not stored", "1 messages are NOWHERE"]),
    ],
)
def test_a_mailbox_that_is_not_as_it_must_be_is_told(kept, left, deletes, words):
    found = mailbox_violations("box", Counter(kept), {"a", "b"}, set(left), deletes)
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))
