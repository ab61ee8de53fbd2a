"""The state of a session: what may be said when, and what a reply makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.smtp import commands
from sending.smtp.connection import Connection, State
from sending.smtp.errors import LocalProtocolError, RemoteProtocolError, UnexpectedEnd
from tests.sending.smtp.feeding import in_content, opened, outcome, talk

ALL = [
    commands.ehlo("a"),
    commands.starttls(),
    commands.auth("LOGIN"),
    commands.mail_from("a@b.example"),
    commands.data(),
    commands.quit_(),
]


def refused(conn: Connection, data: bytes = b"", *, end: bool = False, why: str | None = None) -> None:
    """The server has broken a rule: nothing more can be done with this connection."""
    conn.receive(data)
    if end:
        conn.receive_eof()
    with pytest.raises(UnexpectedEnd if end else RemoteProtocolError, match=why):
        conn.next_reply()
    assert conn.state is State.BOTCHED
    with pytest.raises(RemoteProtocolError):
        conn.next_reply()
    for command in ALL:
        with pytest.raises(LocalProtocolError):
            conn.send(command)
    with pytest.raises(LocalProtocolError):
        conn.end_of_data()


@pytest.mark.parametrize("command", ALL)
def test_sent_the_greeting_comes_first(command):
    with pytest.raises(LocalProtocolError, match="GREETING"):
        Connection().send(command)


def test_sent_one_command_at_a_time():
    conn = opened()
    assert conn.send(commands.ehlo("a")) == b"EHLO a\r\n"
    assert conn.due.name == "EHLO"
    with pytest.raises(LocalProtocolError, match="wait"):
        conn.send(commands.rset())
    conn.receive(b"250 ok\r\n")
    assert conn.next_reply().code == 250
    assert conn.due is None
    assert conn.next_reply() is None


def test_sent_a_refused_greeting_leaves_quit():
    conn = Connection()
    assert talk(conn, None, b"554 no service\r\n").code == 554
    assert talk(conn, commands.quit_(), b"221 bye\r\n").code == 221
    assert conn.state is State.CLOSED


@pytest.mark.parametrize("greeting", [b"+OK POP3\r\n", b"354 go on\r\n", b"220 ok\n"])
def test_sent_what_greets_otherwise_is_no_smtp(greeting):
    refused(Connection(), greeting)


def test_sent_the_server_hangs_up():
    refused(Connection(), end=True)
    refused(opened(), end=True)
    conn = opened()
    conn.send(commands.rset())
    refused(conn, b"250 o", end=True)


def test_sent_the_end_of_a_line_is_the_end_after_quit():
    conn = opened()
    assert talk(conn, commands.quit_(), b"221 bye\r\n").code == 221
    conn.receive_eof()
    assert conn.next_reply() is None


def test_sent_a_reply_to_no_command():
    refused(opened(), b"250 what you did not ask\r\n", why="no command")


def test_sent_421_may_come_at_any_time():
    for prepare in (opened, in_content):
        conn = prepare()
        conn.receive(b"421 4.4.2 idle for too long\r\n")
        assert conn.next_reply().code == 421
        assert conn.state is State.CLOSED
    conn = opened()
    assert talk(conn, commands.rset(), b"421 shutting down\r\n").code == 421
    assert conn.state is State.CLOSED
    conn = opened()
    talk(conn, commands.auth("LOGIN"), b"334 VXNlcm5hbWU6\r\n")
    conn.receive(b"421 bye\r\n")
    assert conn.next_reply().code == 421
    with pytest.raises(LocalProtocolError):
        conn.respond(b"x")


# ── STARTTLS ────────────────────────────────────────────────────────────────


def test_sent_nothing_between_starttls_and_the_handshake():
    conn = opened()
    assert talk(conn, commands.starttls(), b"220 go\r\n").code == 220
    assert conn.state is State.HANDSHAKE
    for command in ALL:
        with pytest.raises(LocalProtocolError, match="HANDSHAKE"):
            conn.send(command)
    conn.tls_started()
    assert conn.state is State.OPEN


def test_sent_a_refused_starttls_changes_nothing():
    conn = opened()
    assert talk(conn, commands.starttls(), b"454 4.7.0 no entropy\r\n").code == 454
    assert conn.state is State.OPEN
    with pytest.raises(LocalProtocolError):
        conn.tls_started()


@pytest.mark.parametrize("glued", [b"250 pwned\r\n", b"2", b"\r\n"])
def test_sent_plain_text_behind_the_reply_to_starttls(glued):
    conn = opened()
    conn.send(commands.starttls())
    refused(conn, b"220 go\r\n" + glued, why="plain text")


def test_sent_plain_text_that_comes_just_before_the_handshake():
    conn = opened()
    talk(conn, commands.starttls(), b"220 go\r\n")
    conn.receive(b"250 pwned\r\n")
    with pytest.raises(RemoteProtocolError, match="plain text"):
        conn.tls_started()
    refused(conn)


# ── AUTH ────────────────────────────────────────────────────────────────────


def test_sent_challenges_and_answers():
    conn = opened()
    reply = talk(conn, commands.auth("LOGIN"), b"334 VXNlcm5hbWU6\r\n")
    assert (reply.code, reply.text) == (334, "VXNlcm5hbWU6")
    assert conn.respond(b"ada") == b"YWRh\r\n"
    with pytest.raises(LocalProtocolError, match="no answer"):
        conn.respond(b"twice")
    assert talk(conn, None, b"334\r\n").text == ""
    assert conn.cancel() == b"*\r\n"
    assert talk(conn, None, b"501 cancelled\r\n").code == 501
    assert conn.due is None


def test_sent_no_answer_before_a_challenge():
    for conn in (Connection(), opened()):
        with pytest.raises(LocalProtocolError, match="no answer"):
            conn.respond(b"x")
        with pytest.raises(LocalProtocolError, match="no answer"):
            conn.cancel()


def test_sent_a_verdict_before_the_answer_is_out_of_step():
    conn = opened()
    talk(conn, commands.auth("LOGIN"), b"334 x\r\n")
    refused(conn, b"235 welcome\r\n")


@pytest.mark.parametrize(
    "command", [commands.rset(), commands.mail_from(""), commands.ehlo("a"), commands.quit_()]
)
def test_sent_an_intermediate_reply_where_none_belongs(command):
    for line in (b"334 x\r\n", b"354 x\r\n"):
        conn = opened()
        conn.send(command)
        refused(conn, line, why="intermediate")


# ── DATA ────────────────────────────────────────────────────────────────────


def test_sent_the_way_of_a_message():
    conn = in_content()
    assert conn.state is State.CONTENT
    for command in ALL:
        with pytest.raises(LocalProtocolError, match="CONTENT"):
            conn.send(command)
    assert conn.next_reply() is None
    assert conn.end_of_data() == b".\r\n"
    assert talk(conn, None, b"250 2.0.0 queued\r\n").enhanced == "2.0.0"
    assert conn.state is State.OPEN


@pytest.mark.parametrize("line", [b"554 5.5.1 nobody\r\n", b"451 4.3.0 disk\r\n"])
def test_sent_data_refused(line):
    conn = opened()
    assert talk(conn, commands.data(), line).code >= 400
    with pytest.raises(LocalProtocolError):
        conn.end_of_data()


@pytest.mark.parametrize("line", [b"250 done already\r\n", b"334 x\r\n"])
def test_sent_data_must_be_answered_by_354(line):
    conn = opened()
    conn.send(commands.data())
    refused(conn, line)


def test_sent_an_early_refusal_ends_the_session():
    conn = in_content()
    conn.receive(b"552 5.3.4 too much\r\n")
    assert conn.next_reply().code == 552
    assert conn.state is State.CLOSED
    with pytest.raises(LocalProtocolError):
        conn.end_of_data()


@pytest.mark.parametrize("line", [b"250 thanks\r\n", b"354 more\r\n"])
def test_sent_no_message_is_accepted_before_it_was_sent(line):
    refused(in_content(), line, why="before it was sent")


def test_sent_an_intermediate_verdict_is_none():
    conn = in_content()
    conn.end_of_data()
    refused(conn, b"354 go on\r\n")


# ── Any bytes ───────────────────────────────────────────────────────────────

PIECES = [
    b"2",
    b"220",
    b"250",
    b"334",
    b"354",
    b"421",
    b"550",
    b" ",
    b"-",
    b"\r\n",
    b"\n",
    b"\r",
    b"5.1.1",
    b"x",
]
soup = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=30).map(b"".join)


@hypothesis_settings(deadline=None)
@given(soup, st.integers(1, 7), st.sampled_from(["greeting", "starttls", "auth", "data", "content"]))
def test_sent_garbage_gives_replies_or_an_error_the_same_however_it_is_cut(data, size, where):
    def prepared() -> Connection:
        match where:
            case "greeting":
                return Connection()
            case "content":
                return in_content()
            case "starttls":
                command = commands.starttls()
            case "auth":
                command = commands.auth("LOGIN")
            case _:
                command = commands.data()
        conn = opened()
        conn.send(command)
        return conn

    # Plain text behind 220 is found when it comes, so how it is cut decides only whether 220 itself is seen.
    whole, cut = outcome(prepared(), data, len(data) or 1), outcome(prepared(), data, size)
    if where == "starttls":
        assert cut[1] == whole[1]
    else:
        assert cut == whole
