"""The receive buffer: lines, bodies, and that no byte is looked at twice."""

from __future__ import annotations

import pytest

from fetching.pop3 import buffer as pop3_buffer
from fetching.pop3.buffer import MAX_LINE, ReceiveBuffer
from fetching.pop3.errors import RemoteProtocolError


def buffer_with(data: bytes) -> ReceiveBuffer:
    buffer = ReceiveBuffer()
    buffer.append(data)
    return buffer


def body_of(data: bytes) -> ReceiveBuffer:
    """A buffer at the beginning of a body."""
    buffer = buffer_with(b"+OK\r\n" + data)
    assert buffer.read_line() == b"+OK"
    buffer.begin_body()
    return buffer


def test_lines_are_taken_one_by_one():
    buffer = buffer_with(b"+OK one\r\n\r\n+OK t")
    assert buffer.read_line() == b"+OK one"
    assert buffer.read_line() == b""
    assert buffer.read_line() is None
    buffer.append(b"wo\r")
    assert buffer.read_line() is None
    buffer.append(b"\n")
    assert buffer.read_line() == b"+OK two"
    assert len(buffer) == 0


def test_a_cr_inside_a_line_is_content():
    assert buffer_with(b"a\rb\r\r\n").read_line() == b"a\rb\r"


@pytest.mark.parametrize("data", [b"\n", b"+OK\n", b"+OK hello\n+OK\r\n"])
def test_c15_bare_lf_ends_no_line(data):
    with pytest.raises(RemoteProtocolError, match="LF alone"):
        buffer_with(data).read_line()


def test_c14_a_line_at_the_limit_is_taken():
    line = b"x" * (MAX_LINE - 1)
    assert buffer_with(line + b"\r\n").read_line() == line


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_c14_a_longer_line_is_refused(end):
    with pytest.raises(RemoteProtocolError, match="without end"):
        buffer_with(b"x" * (MAX_LINE + 1) + end).read_line()


@pytest.mark.parametrize("end", [b"", b"\r\n.\r\n"])
def test_c14_a_longer_row_is_refused(end):
    with pytest.raises(RemoteProtocolError, match="without end"):
        body_of(b"1 " + b"x" * (MAX_LINE + 3) + end).read_lines()


def test_rows_come_as_soon_as_they_are_whole():
    buffer = body_of(b"1 a\r\n2 b\r\n3")
    assert buffer.read_lines() == ([b"1 a", b"2 b"], False)
    assert buffer.read_lines() == ([], False)
    buffer.append(b" c\r\n")
    assert buffer.read_lines() == ([b"3 c"], False)
    buffer.append(b".")
    assert buffer.read_lines() == ([], False)
    buffer.append(b"\r\nrest")
    assert buffer.read_lines() == ([], True)
    assert len(buffer) == 4


def test_rows_are_unstuffed_wherever_they_are_cut():
    data = b"..\r\n..a\r\n1 b\r\n.\r\n"
    for cut in range(len(data)):
        buffer = body_of(data[:cut])
        first, done = buffer.read_lines()
        assert not done
        buffer.append(data[cut:])
        rest, done = buffer.read_lines()
        assert (first + rest, done) == ([b".", b".a", b"1 b"], True)


class Counting:
    """Stands for the pattern and for the data, and counts how far both had to look."""

    def __init__(self) -> None:
        self.looked_at = 0
        counting = self

        class Data(bytearray):
            def find(self, sub, start=0, end=None):
                counting.looked_at += len(self) - start
                return bytearray.find(self, sub, start)

        self.data = Data()

    def finditer(self, data, start):
        self.looked_at += len(data) - start
        return pop3_buffer._DOT_LINE_PATTERN.finditer(data, start)


@pytest.mark.parametrize("stuffed", [0, 1, 11], ids=["no dots", "some dots", "nothing but dots"])
def test_waiting_for_the_end_never_rescans(monkeypatch, stuffed):
    """A megabyte in blocks of a kilobyte: looked at about twice over, not five hundred times."""
    counting = Counting()
    pattern = pop3_buffer._DOT_LINE
    monkeypatch.setattr(pop3_buffer, "_DOT_LINE_PATTERN", pattern, raising=False)
    monkeypatch.setattr(pop3_buffer, "_DOT_LINE", counting)
    buffer = ReceiveBuffer()
    buffer._data = counting.data
    buffer.append(b"+OK\r\n")
    assert buffer.read_line() == b"+OK"
    buffer.begin_body()
    plain, dotted = b"x.23456789" * 9 + b"\r\n", b"..23456789" * 9 + b"\r\n"
    block = plain * (11 - stuffed) + dotted * stuffed
    for _ in range(1024):
        buffer.append(block)
        assert buffer.read_body() is None
    size = 1024 * len(block)
    assert counting.looked_at < 2.1 * size
    buffer.append(b".\r\n")
    assert buffer.read_body() == (plain * (11 - stuffed) + dotted[1:] * stuffed) * 1024
