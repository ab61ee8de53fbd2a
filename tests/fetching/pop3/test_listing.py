"""Rows of UIDL and LIST: the sound, the odd and the very many."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetching.pop3 import commands, listing
from fetching.pop3.connection import NEED_DATA
from fetching.pop3.errors import RemoteProtocolError
from fetching.pop3.events import Sizes, UniqueIds
from tests.fetching.pop3.feeding import blocks, byte_by_byte, signed_in, trailing, whole

ODD_ROWS = [
    # what the server sends, what it means as UIDL, what it means as LIST; None: no row at all
    (b"1 abc", (1, b"abc"), (1, None)),
    (b"2 200", (2, b"200"), (2, 200)),
    (b"2 200 extra", (2, b"200 extra"), (2, 200)),
    (b"1", (1, None), (1, None)),
    (b"1 ", (1, None), (1, None)),
    (b"1    ", (1, None), (1, None)),
    (b"  3 abc", (3, b"abc"), (3, None)),
    (b"3  abc", (3, b" abc"), (3, None)),
    (b"3  77", (3, b" 77"), (3, 77)),
    (b"3 abc ", (3, b"abc "), (3, None)),
    (b"3\t77", (3, b"77"), (3, 77)),
    (b"007 7", (7, b"7"), (7, 7)),
    (b"+OK 4 50", (4, b"50"), (4, 50)),
    (b"4 -50", (4, b"-50"), (4, None)),
    (b"4 " + b"9" * 300, (4, b"9" * 300), (4, None)),
    (b"5 with space \x80\xff\tand tab", (5, b"with space \x80\xff\tand tab"), (5, None)),
    (b"6 a\nb", (6, b"a\nb"), (6, None)),
    (b"", None, None),
    (b"abc", None, None),
    (b"0 abc", None, None),
    (b"-1 abc", None, None),
    (b"1x abc", None, None),
    (b"1_0 abc", None, None),
    (b"99999999999 abc", None, None),
    ("٣ abc".encode(), None, None),
]


@pytest.mark.parametrize(("row", "as_uidl", "as_list"), ODD_ROWS)
def test_u5_odd_rows(row, as_uidl, as_list):
    sound = b"9 9"
    assert listing.unique_ids([sound, row]) == ([(9, b"9"), *filter(None, [as_uidl])], as_uidl is None)
    assert listing.sizes([row, sound]) == ([*filter(None, [as_list]), (9, 9)], as_list is None)


@pytest.mark.parametrize("feed", [whole, byte_by_byte, trailing])
def test_u5_gaps_order_and_damage_in_one_listing(feed):
    conn = signed_in()
    conn.send(commands.uidl())
    reply = b"+OK\r\n7 g\r\n3 c\r\nrubbish\r\n5\r\n+OK 1 a\r\n.\r\n"
    assert feed(conn, reply) == [UniqueIds([(7, b"g"), (3, b"c"), (5, None), (1, b"a")], damaged=1)]


@pytest.mark.parametrize("feed", [whole, byte_by_byte, trailing])
def test_u6_equal_ids_stay_two_rows(feed):
    conn = signed_in()
    conn.send(commands.uidl())
    assert feed(conn, b"+OK\r\n1 same\r\n2 same\r\n.\r\n") == [UniqueIds([(1, b"same"), (2, b"same")])]


@pytest.mark.parametrize("uidl", [b"x" * 71, b"x" * 5000, b"ABC", b"abc", b"\xc3\xa4", b"!~", b"a b  c"])
def test_u9_ids_are_exact(uidl):
    conn = signed_in()
    conn.send(commands.uidl())
    assert whole(conn, b"+OK\r\n1 " + uidl + b"\r\n.\r\n") == [UniqueIds([(1, uidl)])]


@pytest.mark.parametrize("feed", [whole, byte_by_byte, trailing])
@pytest.mark.parametrize(
    ("command", "expected"), [(commands.uidl(), UniqueIds([])), (commands.list_sizes(), Sizes([]))]
)
def test_empty(feed, command, expected):
    conn = signed_in()
    conn.send(command)
    assert feed(conn, b"+OK 0 messages\r\n.\r\n") == [expected]


@given(
    ids=st.lists(
        st.binary(min_size=1, max_size=90).filter(lambda b: b"\r" not in b and b"\n" not in b and b.strip())
    ),
    size=st.integers(1, 200),
)
def test_any_ids_in_any_blocks(ids, size):
    conn = signed_in()
    conn.send(commands.uidl())
    rows = [(number, uidl) for number, uidl in enumerate(ids, 1)]
    reply = b"+OK\r\n" + b"".join(b"%d %s\r\n" % row for row in rows) + b".\r\n"
    assert blocks(conn, reply, size) == [UniqueIds(rows)]


def test_u11_a_hundred_thousand_messages():
    """Far below a second where it is quick; the bound only catches work that grows with the square."""
    conn = signed_in()
    conn.send(commands.uidl())
    conn.send(commands.list_sizes())
    rows = [(number, b"%032x" % number) for number in range(1, 100_001)]
    reply = b"+OK\r\n" + b"".join(b"%d %s\r\n" % row for row in rows) + b".\r\n"
    reply += b"+OK\r\n" + b"".join(b"%d 4096\r\n" % number for number, _ in rows) + b".\r\n"
    started = time.process_time()
    uidls, sizes = blocks(conn, reply, 65536)
    assert time.process_time() - started < 5
    assert uidls == UniqueIds(rows)
    assert len(sizes.rows) == 100_000
    assert sizes.rows[-1] == (100_000, 4096)


@pytest.mark.parametrize("command", [commands.uidl(), commands.list_sizes()])
def test_an_endless_listing_is_cut_off(command):
    conn = signed_in(max_rows=1000)
    conn.send(command)
    conn.receive(b"+OK\r\n")
    for number in range(1, 1001):
        conn.receive(b"%d 1\r\n" % number)
        assert conn.next_event() is NEED_DATA
    conn.receive(b"1001 1\r\n")
    with pytest.raises(RemoteProtocolError, match="more than 1000"):
        conn.next_event()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0),
        (b"320", 320),
        (b" 320 octets", 320),
        (b"", None),
        (b" ", None),
        (b"-1", None),
        (b"1e3", None),
    ],
)
def test_size(value, expected):
    assert listing.size(value) == expected


@pytest.mark.parametrize("value", [2**31 - 1, 2**32 - 1, 2**32 - 2, 10**14, 2**64 - 1, 10**40])
def test_u19_absurd_sizes_are_unknown(value):
    rows, damaged = listing.sizes([b"1 %d" % value, b"2 2147483646"])
    assert (rows, damaged) == ([(1, None), (2, 2147483646)], 0)
