"""Listing, retrieving, deleting and leaving, against servers that behave and servers that do not."""

from __future__ import annotations

import hashlib
import os

import pytest

from fetching.pop3 import source as pop3_source
from fetching.source import Limits, ListedMessage, Listing
from tests.fetching.sessions import LIMITS, PASSWORD, failing, session
from tests.servers.loopback import PATIENCE
from tests.servers.pop3 import CAPABILITIES, MailboxServer
from tests.servers.scripted import (
    ScriptedServer,
    exchange,
    expect,
    flood,
    send,
    signed_in,
    stall,
)
from tests.servers.tls import make_ca

LOCK_STEP = [line for line in CAPABILITIES if line != "PIPELINING"]
MODES = pytest.mark.parametrize("capabilities", [CAPABILITIES, LOCK_STEP], ids=["pipelined", "lock-step"])


def letter(number: int, lines: int = 3) -> bytes:
    return b"Subject: letter %d\r\n\r\n" % number + b".a line\r\n" * lines


def digests(messages):
    return [hashlib.sha256(message).hexdigest() for message in messages]


# ── Listing ─────────────────────────────────────────────────────────────────


@MODES
def test_listing(settings, capabilities):
    server = MailboxServer([(b"abc", b"1234\r\n"), (b"a b\xff", b"12\r\n")], capabilities=capabilities)
    with server, session(settings, server) as source:
        assert source.listing() == Listing([ListedMessage(1, b"abc", 6), ListedMessage(2, b"a b\xff", 4)])


@MODES
def test_u1_an_empty_mailbox(settings, capabilities):
    with MailboxServer(capabilities=capabilities) as server, session(settings, server) as source:
        assert source.listing() == Listing([])
        assert source.stat() == (0, 0)
        assert list(source.retrieve([])) == []


def test_u2_malformed_stat(settings):
    with MailboxServer(raw_on={"STAT": b"+OK 3 messages\r\n"}) as server, session(settings, server) as source:
        assert source.stat() == (3, None)


def test_u3_a_server_without_uidl(settings):
    server = MailboxServer([b"x\r\n"], uidl=False, capabilities=["USER", "PIPELINING"])
    with server, session(settings, server) as source:
        with failing("uidl_missing"):
            source.listing()
        assert source.listing(need_uidl=False) == Listing([ListedMessage(1, None, 3)], has_uidl=False)
        assert source.quit()


@MODES
def test_u4_uidl_offered_but_refused_today(settings, capabilities):
    server = MailboxServer([b"x\r\n"], capabilities=capabilities, err_on={"UIDL": "-ERR internal"})
    with server, session(settings, server) as source:
        with failing("server_busy"):
            source.listing()
        assert source.quit()


def test_u4_a_temporary_refusal_is_no_missing_uidl(settings):
    server = MailboxServer([b"x\r\n"], capabilities=["USER"], err_on={"UIDL": "-ERR [SYS/TEMP] later"})
    with server, session(settings, server) as source, failing("server_busy"):
        source.listing()


def test_u5_rows_are_paired_by_number(settings):
    uidl = b"+OK\r\n3 c\r\n1 a\r\n7 g\r\nrubbish\r\n5 \r\n9 x\r\n9 y\r\n.\r\n"
    sizes = b"+OK\r\n1 10\r\n2 20\r\n3 x\r\n5 50\r\n9 90\r\n.\r\n"
    with MailboxServer(raw_on={"UIDL": uidl, "LIST": sizes}) as server, session(settings, server) as source:
        rows = [(1, b"a", 10), (2, None, 20), (3, b"c", None), (5, None, 50), (7, b"g", None), (9, None, 90)]
        assert source.listing() == Listing([ListedMessage(*row) for row in rows], damaged=1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"+OK 2 b\r\n", b"b"),
        (b"+OK 2 a b\xff\r\n", b"a b\xff"),
        (b"+OK 1 a\r\n", None),
        (b"+OK 2\r\n", None),
        (b"+OK\r\n", None),
        (b"+OK what?\r\n", None),
        (b"-ERR no such message\r\n", None),
        (b"-ERR [SYS/TEMP] later\r\n", None),
    ],
)
def test_the_last_unique_id(settings, answer, expected):
    with (
        MailboxServer([b"1\r\n", b"2\r\n"], raw_on={"UIDL 2": answer}) as server,
        session(settings, server) as source,
    ):
        assert source.last_uidl(2) == expected
        assert source.stat()[0] == 2


@pytest.mark.parametrize(
    ("capabilities", "can_top", "has_uidl"),
    [
        (CAPABILITIES, True, True),
        (["TOP", "USER"], True, False),
        (["USER", "UIDL"], False, True),
        (None, True, True),
    ],
)
def test_r22_what_may_be_asked_for(settings, capabilities, can_top, has_uidl):
    with MailboxServer(capabilities=capabilities) as server, session(settings, server) as source:
        assert (source.can_top, source.has_uidl) == (can_top, has_uidl)


def test_u6_equal_ids(settings):
    with (
        MailboxServer([(b"same", b"1\r\n"), (b"same", b"2\r\n")]) as server,
        session(settings, server) as source,
    ):
        assert [row.uidl for row in source.listing().rows] == [b"same", b"same"]


def test_u11_ten_thousand_messages(settings):
    server = MailboxServer([(b"%040d" % number, b"\r\n") for number in range(10_000)])
    with server, session(settings, server) as source:
        rows = source.listing().rows
    assert len(rows) == 10_000
    assert rows[-1] == ListedMessage(10_000, b"%040d" % 9999, 2)


# ── Retrieving ──────────────────────────────────────────────────────────────

LETTERS = [
    b"",
    b"\r\n",
    b".\r\n",
    b"no end",
    letter(5),
    b"x: y\r\n\r\n..\r\n.\r\n",
    os.urandom(3000) + b"\r\n",
]


@MODES
@pytest.mark.parametrize("segment", [0, 1], ids=["whole", "byte by byte"])
def test_r16_c16_byte_exact(settings, capabilities, segment):
    letters = [data.replace(b"\r\n.\r", b"") for data in LETTERS]
    server = MailboxServer(letters, capabilities=capabilities, segment=segment)
    with server, session(settings, server) as source:
        found = list(source.retrieve(range(1, len(letters) + 1)))
        assert source.quit()
    expected = [data if not data or data.endswith(b"\r\n") else data + b"\r\n" for data in letters]
    assert digests(each.data for each in found) == digests(expected)
    assert [each.size for each in found] == [len(data) for data in expected]
    assert [each.number for each in found] == list(range(1, len(letters) + 1))


@MODES
def test_pipelining_only_where_it_is_offered(settings, capabilities):
    server = MailboxServer([letter(n) for n in range(200)], capabilities=capabilities)
    with server, session(settings, server) as source:
        source.listing()
        assert [each.data for each in source.retrieve(range(200, 0, -1))] == [
            letter(n) for n in range(199, -1, -1)
        ]
        assert source.current is None
    assert (server.counters["pipelined"] > 100) is (capabilities is CAPABILITIES)


def test_r21_lock_step_with_a_server_once_out_of_step(settings):
    server = MailboxServer([letter(n) for n in range(20)])
    with server, session(settings, server, pipelining=False) as source:
        source.listing()
        assert len(list(source.retrieve(range(1, 21)))) == 20
        assert source.delete([1, 2]) == [1, 2]
    assert server.counters["pipelined"] == 0


def test_the_window_is_bounded_in_messages_and_bytes(settings, monkeypatch):
    """The server counts how many replies it owes while it withholds the first."""
    monkeypatch.setattr(pop3_source, "WINDOW_BYTES", 10_000)
    for size, ahead in ((10, pop3_source.FIRST_WINDOW), (2000, 5)):
        seen = []
        server = MailboxServer([b"x" * (size - 2) + b"\r\n"] * 200)

        def count(peer_session, line, seen=seen):
            if line == "RETR 1":  # the whole window came in one segment
                seen.append(peer_session.peer.waiting + 1)

        server.faults.on_command = count
        with server, session(settings, server) as source:
            source.listing()
            assert len(list(source.retrieve(range(1, 201)))) == 200
            assert source.window[0] > pop3_source.FIRST_WINDOW + 2, "it opens while replies come fast"
        assert seen == [ahead]


def test_a_large_message_comes_as_a_file(settings):
    data = os.urandom(900_000).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    with (
        MailboxServer([b"small\r\n", data * 6, b"small\r\n"]) as server,
        session(settings, server) as source,
    ):
        small, large, last = source.retrieve([1, 2, 3])
        assert (small.file, small.head(2), last.read()) == (None, b"sm", b"small\r\n")
        assert large.data == b""
        assert large.size == 6 * len(data)
        assert large.head(10) == large.head(10) == data[:10]
        assert large.read() == data * 6
        assert large.file.closed


def test_a_large_message_can_be_let_go_unread(settings):
    with MailboxServer([b"x" * 6_000_000]) as server, session(settings, server) as source:
        (large,) = source.retrieve([1])
        with large:
            pass
        assert large.file.closed


@MODES
@pytest.mark.parametrize("line", ["-ERR no such message", "-ERR message is corrupt"])
def test_u14_r7_a_refused_message_does_not_stop_the_rest(settings, capabilities, line):
    server = MailboxServer(
        [letter(n) for n in range(1, 6)], capabilities=capabilities, err_on={"RETR 3": line}
    )
    with server, session(settings, server) as source:
        found = list(source.retrieve([1, 2, 3, 4, 5, 6]))
        assert source.quit()
    assert [each.number for each in found if each.error] == [3, 6]
    assert [each.data for each in found if not each.error] == [letter(n) for n in (1, 2, 4, 5)]
    assert found[2].error.server_text == ""


def test_u14_inside_tls_the_server_may_say_why(settings, tmp_path):
    ca = make_ca(tmp_path)
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)
    certificate = ca.issue("127.0.0.1")
    with (
        MailboxServer(encryption="ssl", certificate=certificate) as server,
        session(settings, server, "ssl") as source,
    ):
        (found,) = source.retrieve([1])
        assert found.error.server_text == "no such message"


def test_r17_a_download_limit_ends_the_session(settings):
    server = MailboxServer([letter(n) for n in range(9)], err_on={"RETR 3": "-ERR Download quota exceeded"})
    with server, session(settings, server) as source:
        found = []
        with failing("server_busy") as caught:
            found.extend(source.retrieve(range(1, 10)))
        assert caught.value.retry_after > 3600
        assert source.current is None
        assert source.quit()


def test_r10_a_message_beyond_the_cap(settings):
    limits = Limits(command=PATIENCE, max_message=100_000)
    with (
        ScriptedServer(
            [*signed_in(), expect(b"RETR 1"), send(b"+OK 10 octets\r\n"), flood(b"x" * 8192)]
        ) as server,
        session(settings, server, limits=limits) as source,
    ):
        with failing("message_too_large"):
            list(source.retrieve([1]))
        assert source.current == 1
        assert source.quit() is False


def test_r21_a_reply_out_of_step(settings):
    replies = b"+OK\r\none\r\n.\r\nwhat?\r\n+OK\r\ntwo\r\n.\r\n"
    script = [
        *signed_in(capabilities=[b"PIPELINING"]),
        exchange((b"RETR 1", b""), (b"RETR 2", replies)),
        stall(),
    ]
    with ScriptedServer(script) as server, session(settings, server) as source:
        found = source.retrieve([1, 2])
        assert next(found).data == b"one\r\n"
        with failing("protocol_error"):
            next(found)
        assert source.quit() is False


def test_leaving_early_throws_away_what_is_under_way(settings):
    with (
        MailboxServer([letter(n) for n in range(100)] + [b"x" * 5_000_000]) as server,
        session(settings, server) as source,
    ):
        found = source.retrieve([1, 101, *range(2, 100)])
        assert next(found).number == 1
        found.close()
        assert source.stat()[0] == 101
        assert source.quit() is True
    assert 1 < server.counters["retrieved"] < 100


@MODES
def test_another_command_between_two_messages(settings, capabilities):
    """Harmless in lock-step; else the rest is lost, which must not look like a server that is silent."""
    server = MailboxServer([letter(n) for n in range(9)], capabilities=capabilities)
    with server, session(settings, server) as source:
        found = source.retrieve([1, 2, 3])
        assert next(found).number == 1
        source.noop()
        if capabilities is LOCK_STEP:
            assert [each.number for each in found] == [2, 3]
        else:
            with pytest.raises(RuntimeError, match="thrown the rest away"):
                next(found)
        assert source.quit()


# ── Deleting and leaving ────────────────────────────────────────────────────


@MODES
def test_deleting(settings, capabilities):
    server = MailboxServer(
        [letter(n) for n in range(100)], capabilities=capabilities, err_on={"DELE 7": "-ERR no"}
    )
    with server, session(settings, server) as source:
        assert source.delete([1, 2, 7, 500, 99]) == [1, 2, 99]
        assert len(server.messages) == 100
        assert source.quit() is True
        assert source.quit() is True
        server.wait_until_idle()
    assert len(server.messages) == 97
    assert server.said("QUIT") == ["QUIT"]


@pytest.mark.parametrize(
    "fault", [{"err_on": {"QUIT": "-ERR not removed"}}, {"drop_on": "QUIT"}, {"lose_quit": True}]
)
def test_r3_quit_not_confirmed(settings, fault):
    with MailboxServer([letter(1)], **fault) as server, session(settings, server) as source:
        assert source.delete([1]) == [1]
        assert source.quit() is False
        assert source.quit() is False


def test_closing_deletes_nothing(settings):
    with MailboxServer([letter(1)]) as server, session(settings, server) as source:
        assert source.delete([1]) == [1]
        source.close()
        source.close()
        assert source.quit() is False
        server.wait_until_idle()
        assert len(server.messages) == 1
    assert server.said("QUIT") == []


@pytest.mark.parametrize("odd", [b"\r\n", b"deleted\r\n"])
def test_r4_an_odd_reply_to_dele_ends_the_session_by_quit(settings, odd):
    script = [*signed_in(), exchange((b"DELE 1", b"+OK\r\n"), (b"DELE 2", odd), (b"QUIT", b"+OK\r\n"))]
    with ScriptedServer(script) as server, session(settings, server) as source:
        with failing("protocol_error"):
            source.delete([1, 2, 3])
        assert source.quit() is False
    assert server.said()[-2:] == ["DELE 2", "QUIT"]


@MODES
def test_u12_no_more_is_asked_for_when_time_is_nearly_over(settings, capabilities, monkeypatch):
    server = MailboxServer([letter(n) for n in range(500)], capabilities=capabilities)
    with server, session(settings, server, limits=LIMITS) as source:
        source.listing()
        found = []
        for each in source.retrieve(range(1, 501)):
            found.append(each.number)
            if each.number == 10:
                monkeypatch.setattr(pop3_source, "RESERVE", 2.0)
        assert source.out_of_time
        assert found == list(range(1, len(found) + 1))
        assert 10 <= len(found) <= 10 + pop3_source.WINDOW
        assert source.quit() is True


def test_no_secret_in_the_transcript_or_a_repr(settings):
    with MailboxServer() as server, session(settings, server) as source:
        assert PASSWORD not in repr(vars(source)) + repr(vars(source._dialogue))
    assert PASSWORD not in str(server.transcripts)
