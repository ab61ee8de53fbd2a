"""Headers by TOP: many at once, refused, or with the whole message behind them (fault R22)."""

from __future__ import annotations

import pytest

from fetching.pop3 import source as pop3_source
from tests.fetching.pop3.test_source import MODES, letter
from tests.fetching.sessions import session
from tests.servers.pop3 import CAPABILITIES, MailboxServer


def test_top(settings):
    with MailboxServer([letter(1, lines=9)]) as server, session(settings, server) as source:
        assert source.top(1, 0).read() == b"Subject: letter 1\r\n\r\n"
        assert source.top(1, 2).read() == letter(1, lines=2)


@MODES
def test_many_tops(settings, capabilities):
    server = MailboxServer([letter(n, lines=9) for n in range(1, 200)], capabilities=capabilities)
    with server, session(settings, server) as source:
        found = list(source.tops([3, 1, *range(4, 200)]))
        assert [each.number for each in found] == [3, 1, *range(4, 200)]
        assert found[0].read() == b"Subject: letter 3\r\n\r\n"
        assert next(source.tops([2], lines=1)).read() == letter(2, lines=1)
        assert source.current is None
        assert source.quit()
    assert (server.counters["pipelined"] > 100) is (capabilities is CAPABILITIES)


@MODES
def test_r22_top_refused(settings, capabilities):
    server = MailboxServer([letter(1)] * 3, err_on={"TOP": "-ERR unknown command"}, capabilities=capabilities)
    with server, session(settings, server) as source:
        assert source.top(1, 0).error is not None
        assert [bool(each.error) for each in source.tops([1, 2, 3])] == [True] * 3
        assert source.quit()


@pytest.mark.parametrize("size", [500_000, 5_000_000], ids=["one piece", "several pieces"])
def test_r22_top_that_brings_the_whole_message(settings, size):
    """Only the beginning is kept, and not much more of it asked for ahead than of messages."""
    whole = b"Message-ID: <1@x>\r\n\r\n" + b"x" * size + b"\r\n"
    server = MailboxServer([whole] * 40, raw_on={"TOP": b"+OK\r\n" + whole + b".\r\n"})
    with server, session(settings, server) as source:
        source.listing()
        assert source.top(1, 0).read() == whole[: pop3_source.KEPT_OF_TOP]
        found = source.tops(range(1, 41))
        assert next(found).data == whole[: pop3_source.KEPT_OF_TOP]
        asked = len(server.said("TOP"))
        assert asked <= 2 + pop3_source.WINDOW_BYTES // size
        assert next(found).size == len(whole)
        found.close()
        assert source.quit()


def test_r22_top_that_is_refused_for_now_is_that_messages_trouble(settings):
    server = MailboxServer([letter(1)] * 3, err_on={"TOP 2 0": "-ERR [SYS/TEMP] later"})
    with server, session(settings, server) as source:
        first, second, third = source.tops([1, 2, 3])
        assert (first.error, third.error) == (None, None)
        assert second.error.code == "message_withheld"
        assert source.quit()
