"""Refused at the door, session after session: which refusals count against a password, and which never do."""

from __future__ import annotations

import logging

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching import tasks
from fetching.models import FetchRun, FetchState, RemoteMessage
from fetching.scheduler import claims, outcomes
from tests import factories
from tests.fetching.fetched import LETTERS, edit, fetch, state_of, stored
from tests.servers.pop3 import MailboxServer
from tests.servers.tls import make_ca

PASSWORD = "s3cret pass phrase"
HOURS = 3600


@pytest.fixture
def server(settings):
    with MailboxServer(LETTERS, username="box", password=PASSWORD, capabilities=["USER", "UIDL"]) as running:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [running.entry]
        yield running


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port, password=PASSWORD)


def seconds_ahead(account: MailAccount) -> float:
    return (state_of(account).next_run_at - timezone.now()).total_seconds()


def failing(account: MailAccount, server: MailboxServer, line: str, times: int) -> list[float]:
    """Fetch so many times while PASS is answered so; returns the waits in seconds, until it is stopped."""
    server.faults.err_on = {"PASS": line}
    waits = []
    for _ in range(times):
        assert fetch(account).stored == 0
        if state_of(account).next_run_at is None:
            break
        waits.append(seconds_ahead(account))
    return waits


# ── A1: a wrong password ────────────────────────────────────────────────────
def test_a1_after_ten_refusals_spread_over_hours_it_is_not_tried_any_more(account, server):
    waits = failing(account, server, "-ERR [AUTH] Authentication failed.", 20)
    assert len(waits) == outcomes.AUTHENTICATION_FAILURES - 1
    assert sum(waits) > 6 * HOURS
    assert server.counters["sessions"] == outcomes.AUTHENTICATION_FAILURES
    assert state_of(account).status == "failed"
    assert claims.claim_due(5) == []


@pytest.mark.parametrize("mended", ["by success", "by editing"])
def test_a1_success_or_another_password_wipes_the_slate_clean(account, server, mended):
    failing(account, server, "-ERR [AUTH] Authentication failed.", 9)
    assert state_of(account).authentication_failures == 9
    server.behave()
    if mended == "by editing":
        server.password = "another"
        edit(account, password="another")
        with tenancy.scope(account.organization_id):
            claims.resume(account.pk)
    assert fetch(account).stored == 5
    state = state_of(account)
    assert (state.authentication_failures, state.failures, state.status) == (0, 0, "active")
    assert len(failing(account, server, "-ERR [AUTH] no", 9)) == 9


# ── A2: not about the password ──────────────────────────────────────────────
@pytest.mark.parametrize(
    "line", ["-ERR [SYS/TEMP] Try later", "-ERR too many connections", "-ERR server busy"]
)
def test_a2_trouble_at_the_server_never_counts_against_the_password(account, server, line):
    waits = failing(account, server, line, 3 * outcomes.AUTHENTICATION_FAILURES)
    assert len(waits) == 3 * outcomes.AUTHENTICATION_FAILURES
    state = state_of(account)
    assert (state.authentication_failures, state.status) == (0, "backing_off")
    server.behave()
    assert fetch(account).stored == 5


def test_a2_trouble_between_two_refusals_does_not_excuse_them(account, server):
    """Nor does it count: a server that says both at times must not keep a wrong password trying for ever."""
    for _ in range(outcomes.AUTHENTICATION_FAILURES - 1):
        failing(account, server, "-ERR [AUTH] no", 1)
        failing(account, server, "-ERR [SYS/TEMP] later", 1)
    assert state_of(account).authentication_failures == outcomes.AUTHENTICATION_FAILURES - 1
    failing(account, server, "-ERR [AUTH] no", 1)
    assert state_of(account).status == "failed"


# ── A3: closed ──────────────────────────────────────────────────────────────
def test_a3_a_closed_account_is_left_alone_until_a_person_looks(account, server, mailoutbox, monkeypatch):
    monkeypatch.setattr(tasks.tell_owner, "delay", tasks.tell_owner)
    server.faults.err_on = {"PASS": "-ERR [SYS/PERM] Mailbox is broken"}
    claim = claims.claim_now(account.organization_id, account.pk)
    tasks.fetch_account(claim.organization_id, claim.account_id, claim.token)
    state = state_of(account)
    assert (state.status, state.error_code, state.next_run_at) == ("failed", "account_blocked", None)
    assert state.authentication_failures == 0
    assert claims.claim_due(5) == []
    (letter,) = mailoutbox
    assert "closed this account to mail programs" in letter.body
    server.behave()
    with tenancy.scope(account.organization_id):
        claims.resume(account.pk)
    assert fetch(account).stored == 5


# ── A4: somebody else has it open ───────────────────────────────────────────
@pytest.mark.parametrize(
    "line", ["-ERR [IN-USE] no", "-ERR maildrop already locked", "-ERR mailbox is open elsewhere"]
)
def test_a4_a_mailbox_in_use_is_tried_again_soon(account, server, line):
    waits = failing(account, server, line, 15)
    assert len(waits) == 15
    assert max(waits) <= 1.2 * outcomes.BUSY_STEPS_SECONDS[-1]
    assert waits[0] <= 1.2 * outcomes.BUSY_STEPS_SECONDS[0]
    state = state_of(account)
    assert (state.status, state.authentication_failures, state.error_code) == (
        "backing_off",
        0,
        "mailbox_busy",
    )
    server.behave()
    assert fetch(account).stored == 5


def test_a4_a_real_second_session(account, server):
    """The server itself holds the lock for another client, and lets go."""
    assert server.maildrop.acquire(timeout=1)
    assert fetch(account).error == "mailbox_busy"
    server.maildrop.release()
    assert fetch(account).stored == 5


def test_a4_the_owner_reads_that_another_program_has_it_open(account, server, as_alice):
    failing(account, server, "-ERR [IN-USE] no", 1)
    page = as_alice.get("/o/acme/settings/accounts/").text
    assert "Another program has this mailbox open." in page
    assert "Nothing is lost." in page


# ── A6 and C18: no clear word ───────────────────────────────────────────────
def test_a6_an_unclear_refusal_is_tried_less_and_less_often_before_it_counts(account, server):
    waits = failing(account, server, "-ERR sorry", 20)
    assert len(waits) == outcomes.AUTHENTICATION_FAILURES - 1
    steps = [later / earlier for earlier, later in zip(waits, waits[1:5], strict=False)]
    assert all(1.2 < step < 3.5 for step in steps), "doubled, give or take a fifth"
    assert sum(waits) > 12 * HOURS
    assert (state_of(account).error_code, state_of(account).status) == ("authentication_unclear", "failed")


def test_a6_one_success_is_enough_to_forget_unclear_refusals(account, server):
    for _ in range(3):
        failing(account, server, "-ERR sorry", 5)
        server.behave()
        fetch(account)
    assert (state_of(account).status, state_of(account).authentication_failures) == ("active", 0)
    assert stored(account) == LETTERS


def test_c18_hanging_up_at_the_password_is_a_suspicion_and_no_verdict(account, server):
    server.faults.drop_on = "PASS"
    outcome = fetch(account)
    assert outcome.error == "authentication_unclear"
    state = state_of(account)
    assert (state.status, state.authentication_failures) == ("backing_off", 1)
    server.behave()
    assert fetch(account).stored == 5
    assert state_of(account).authentication_failures == 0


# ── A18: one try a session ──────────────────────────────────────────────────
def test_a18_a_wrong_password_is_sent_once_a_session(account, server):
    server.capabilities = ["USER", "UIDL", "SASL PLAIN LOGIN CRAM-MD5"]
    server.password = "changed"
    for session in range(1, 4):
        fetch(account)
        assert server.counters["refused"] == session


# ── M19: errors that know too much ──────────────────────────────────────────
SECRET = PASSWORD.encode()
TELLTALE = [
    b"-ERR [AUTH] user box with password " + SECRET + b" is wrong",
    b"-ERR PASS " + SECRET + b": unknown command\x00\x1b[31m",
    b"-ERR " + SECRET,
    b"-ERR [SYS/TEMP] \x00\x07 \x1b]0;x\x07 " + b"trouble " * 90,
    b"-ERR [AUTH] \xe2\x80\xaeterces \xed\xa0\xbd\xff " + b"x" * 500,
]


@pytest.mark.parametrize("line", TELLTALE)
def test_m19_no_secret_and_no_odd_character_is_logged_or_kept(acme, alice, settings, tmp_path, caplog, line):
    """What a server says in full is shown inside TLS only; so this one has a certificate."""
    caplog.set_level(logging.DEBUG)
    ca = make_ca(tmp_path)
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)
    server = MailboxServer(
        LETTERS,
        username="box",
        password=PASSWORD,
        encryption="ssl",
        certificate=ca.issue("127.0.0.1"),
        capabilities=["USER", "UIDL"],
    )
    with server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        fields = {"port": server.port, "encryption": "ssl", "password": PASSWORD}
        account = factories.connect(acme, alice, **fields)
        kept, texts = kept_and_texts(account, server, line)
    assert PASSWORD not in kept + caplog.text
    assert any(texts) or SECRET in line
    assert all(text.isprintable() and len(text) <= 200 for text in texts)


def kept_and_texts(account: MailAccount, server: MailboxServer, line: bytes) -> tuple[str, list[str]]:
    """All rows as text and the errors in them, after each of some sessions that are refused at some step."""
    kept, texts = "", []
    for command in ("PASS", "UIDL", "RETR 2", "QUIT"):
        server.faults.raw_on = {command: line + b"\r\n"}
        fetch(account)
        with tenancy.scope(account.organization_id):
            for model in (FetchState, RemoteMessage, FetchRun):
                kept += repr(list(model.objects.values()))
            for model in (FetchState, RemoteMessage):
                texts += model.objects.values_list("error_text", flat=True)
    return kept, texts


def test_m19_a_mistake_of_ours_is_logged_without_the_secrets_it_met(account, server, caplog, monkeypatch):
    """Whatever object a traceback names: credentials and accounts do not show their password."""
    from fetching.pop3 import session as pop3_session

    def stumble(dialogue, credentials, *rest):
        raise TypeError(f"cannot add {credentials!r} to {dialogue!r}")

    monkeypatch.setattr(pop3_session, "sign_in", stumble)
    caplog.set_level(logging.DEBUG)
    assert fetch(account).error == "internal"
    assert "TypeError: cannot add" in caplog.text
    assert PASSWORD not in caplog.text
    assert (state_of(account).error_code, state_of(account).error_text) == ("internal", "")
