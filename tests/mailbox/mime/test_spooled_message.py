"""Messages in files: read as the same bytes in memory are, without being held."""

from __future__ import annotations

import base64
import gc
import hashlib
import os
import random
import re
import tempfile
import tracemalloc
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbox import bulk_insert
from mailbox.mime import parsing, spooled_message, structure
from mailbox.mime.parsing import parse
from mailbox.mime.spooled_message import Spooled, SpooledParts
from tests.mailbox.corpus import NAMES, letter
from tests.mailbox.mime.test_parsing_properties import mutated, soup
from tests.servers import seeding

WINDOWS = [16, 200, spooled_message.WINDOW]


def in_file(raw: bytes):
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asks closes it
    file.write(raw)
    file.flush()
    return file


@contextmanager
def window(size: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooled_message, "WINDOW", size)
        yield


def parsed_from_file(raw: bytes, size: int) -> parsing.Parsed:
    with window(size), in_file(raw) as file:
        return parsing._parse(Spooled(file), None)


# ── The same as bytes ───────────────────────────────────────────────────────
@given(
    data=st.lists(st.sampled_from([b"a", b"b", b"ab", b"\n--x"]), max_size=60).map(b"".join),
    wanted=st.sampled_from([b"a", b"bb", b"\n--x\n", b"abababab"]),
    start=st.integers(0, 80),
    end=st.integers(0, 80),
    size=st.sampled_from([5, 16, 200]),
)
def test_finding_and_cutting(data, wanted, start, end, size):
    with window(size), in_file(data) as file:
        raw = Spooled(file)
        assert len(raw) == len(data)
        assert raw.find(wanted, start, end) == data.find(wanted, start, end)
        assert raw[start:end] == data[start:end]
        assert raw.find(wanted, 0, len(data)) == data.find(wanted)
        assert (raw[:end], raw[start:], raw[:]) == (data[:end], data[start:], data)


@pytest.mark.parametrize("size", WINDOWS)
@pytest.mark.parametrize("name", NAMES)
def test_letters_read_from_a_file(name, size):
    raw = letter(name)
    assert parsed_from_file(raw, size) == parse(raw)


@given(raw=st.one_of(mutated(), soup), size=st.sampled_from([16, 200]))
def test_any_message_read_from_a_file(raw, size):
    assert parsed_from_file(raw, size) == parsing._parse(raw, None)


def test_a_mailbox_read_from_files():
    for raw in seeding.mailbox(60):
        assert parsed_from_file(raw, 4096) == parse(raw)


@pytest.mark.parametrize("blank", [b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n\n"])
@pytest.mark.parametrize(
    "length",
    [100, structure._HEAD, structure.BLOCK_LIMIT - 20, structure.BLOCK_LIMIT, structure.BLOCK_LIMIT + 5000],
)
def test_m15_a_header_of_any_length_ends_at_the_first_blank_line(blank, length):
    """Also where the blank line lies across the places that are looked at one after the other."""
    for more in range(-3, 4):
        header = b"Subject: x\r\nX-Long: " + b"x" * (length - 20 + more)
        raw = header + blank + b"body\r\n\r\nmore\n\n"
        headers, body = structure.read_headers(raw, 0, len(raw))
        assert headers.raw(b"subject") == b" x"
        assert raw[body:] == b"body\r\n\r\nmore\n\n"
        with in_file(b"." + raw) as file:
            assert structure.read_headers(Spooled(file), 1, len(raw) + 1)[1] == body + 1


@pytest.mark.parametrize("raw", [b"a: b\n\n\r\nc", b"a: b\r\n\r\n\nc", b"a: b\n\r\n\nc", b"a: b\n\nc\n\r\n"])
def test_of_several_blank_lines_the_first_counts(raw):
    expected = re.search(rb"\n\r?\n", raw).end()
    assert structure.read_headers(raw, 0, len(raw))[1] == expected


# ── Parts ───────────────────────────────────────────────────────────────────
def test_parts_are_read_when_asked_for_and_go_away_by_themselves():
    parts = SpooledParts()
    for data in (b"one", b"", b"three"):
        parts.append(data)
    file = parts._file
    assert list(parts) == list(parts) == [b"one", b"", b"three"]
    assert (len(parts), parts[-1], parts[1:]) == (3, b"three", [b"", b"three"])
    with pytest.raises(IndexError):
        parts[3]
    del parts
    gc.collect()
    assert file.closed


def test_r10_a_small_file_is_prepared_like_bytes():
    raw = letter("english")
    file = in_file(raw)
    assert bulk_insert.prepare_file(file) == bulk_insert.prepare(raw)
    assert file.closed


def huge(size: int, *, files: int = 1) -> bytes:
    """A letter with files of together `size` bytes on the wire."""
    rng = random.Random(size)
    each = base64.encodebytes(rng.randbytes(size // files * 57 // 78)).replace(b"\n", b"\r\n")
    part = (
        b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="part %d.zip"\r\n\r\n'
    )
    return (
        b"From: a@mail.example\r\nSubject: huge\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nSee the files.\r\n"
        + b"".join(part % number + each for number in range(files))
        + b"--b--\r\n"
    )


@pytest.mark.parametrize("files", [1, 3])
def test_r10_what_a_large_message_in_a_file_becomes(monkeypatch, files):
    monkeypatch.setattr(bulk_insert, "PART_BYTES", 10_000)
    monkeypatch.setattr(spooled_message, "WINDOW", 7_000)
    raw = huge(100_000, files=files)
    incoming = bulk_insert.prepare_file(in_file(raw))
    assert (incoming.size, incoming.sha256) == (len(raw), hashlib.sha256(raw).digest())
    assert bulk_insert.restore(list(incoming.parts)) == raw
    assert incoming.parsed == parse(raw)
    sizes = [len(parsing.attachment(raw, position)[1]) for position in range(files)]
    assert [(info.filename, info.size) for info in incoming.parsed.attachments] == [
        (f"part {number}.zip", sizes[number]) for number in range(files)
    ]
    assert incoming.weight == len(raw)


def test_r10_a_large_message_is_never_held():
    raw = huge(40_000_000)
    file = in_file(raw)
    size = len(raw)
    del raw
    tracemalloc.start()
    try:
        incoming = bulk_insert.prepare_file(file)
        peak = tracemalloc.get_traced_memory()[1]
        assert incoming.size == size
        assert peak < 4 * bulk_insert.PART_BYTES < size
    finally:
        tracemalloc.stop()


def test_what_a_small_message_weighs():
    raw = b"Subject: x\r\n\r\n" + os.urandom(5000).hex().encode()
    incoming = bulk_insert.prepare(raw)
    assert incoming.weight >= sum(map(len, incoming.parts)) + len(incoming.parsed.text)
