"""Letters made to cost: what showing them takes is counted and bounded, whatever they hold."""

from __future__ import annotations

import pytest

from mailbox.mime import opened_message, structure
from mailbox.mime.headers import FIELDS_LIMIT, Headers
from mailbox.mime.opened_message import OpenedMessage
from mailbox.mime.parsing import parse
from mailbox.views import message_body, message_page
from tests.factories import deliver, letter
from tests.mailbox import letters
from tests.mailbox.web import url


def with_pictures(count: int, source: str = "", content: bytes = letters.PNG) -> bytes:
    shown = source or "".join(f'<img src="cid:p{n}">' for n in range(count))
    pictures = [letters.embedded("image/png", f"p{n}", content) for n in range(count)]
    return letters.multipart(letters.html(shown), *pictures, kind="related")


@pytest.fixture
def work(monkeypatch):
    """How often a message was walked through and a leaf decoded."""
    counts = {"split": 0, "content_of": 0}

    def counted(name):
        original = getattr(opened_message, name)

        def call(*args):
            counts[name] += 1
            return original(*args)

        return call

    for name in counts:
        monkeypatch.setattr(opened_message, name, counted(name))
    return counts


def test_1600_pictures_are_one_walk_a_request_and_decoded_once(as_alice, account, work):
    [key] = deliver(account, with_pictures(1600))
    work.update(split=0, content_of=0)
    assert as_alice.get(url("message", key)).status_code == 200
    assert work == {"split": 1, "content_of": 0}, "the page decodes no picture"
    response = as_alice.get(url("message_body", key))
    assert response.content.decode().count("data:image/png") == message_body.EMBEDDED_COUNT
    assert work == {"split": 2, "content_of": message_body.EMBEDDED_COUNT}


def test_pictures_beyond_the_limit_are_offered_as_files(as_alice, account, monkeypatch):
    monkeypatch.setattr(message_body, "EMBEDDED_COUNT", 3)
    [key] = deliver(account, with_pictures(5))
    page = as_alice.get(url("message", key)).content.decode()
    assert [position for position in range(5) if url("inline_part", key, position) in page] == [3, 4]


def test_a_picture_shown_again_and_again_is_decoded_once_and_counted_each_time(
    as_alice, account, monkeypatch, work
):
    content = b"x" * 100_000
    [key] = deliver(account, with_pictures(1, '<img src="cid:p0">' * 30_000, content))
    monkeypatch.setattr(message_body, "EMBEDDED_LIMIT", 1_000_000)
    work.update(split=0, content_of=0)
    response = as_alice.get(url("message_body", key))
    assert len(response.content) < 1_500_000
    assert work == {"split": 1, "content_of": 1}


def test_one_file_is_one_walk(as_alice, account, work):
    [key] = deliver(account, with_pictures(20))
    for name in ("attachment", "inline_part"):
        work.update(split=0, content_of=0)
        assert as_alice.get(url(name, key, 7)).content == letters.PNG
        assert work == {"split": 1, "content_of": 1}


def test_a_page_lists_a_bounded_number_of_files(as_alice, account, monkeypatch):
    monkeypatch.setattr(message_page, "FILES_SHOWN", 4)
    raw = letters.multipart(*[letters.attached("application/zip", f"f{n}.zip", b"x") for n in range(9)])
    [key] = deliver(account, raw)
    page = as_alice.get(url("message", key)).content.decode()
    assert [name for name in (f"f{n}.zip" for n in range(9)) if name in page] == [
        f"f{n}.zip" for n in range(4)
    ]
    assert "9 attachments" in page
    assert "5 more files are in the original." in page


def test_a_page_names_a_bounded_number_of_people(as_alice, account, monkeypatch):
    monkeypatch.setattr(message_page, "PEOPLE_SHOWN", 3)
    [key] = deliver(account, letter(to=", ".join(f"person{n}@mail.example" for n in range(8))))
    page = as_alice.get(url("message", key)).content.decode()
    assert [n for n in range(8) if f"person{n}@mail.example" in page] == [0, 1, 2]
    assert "and 5 more" in page


# ── What reading a message costs ────────────────────────────────────────────


class Counted(bytes):
    """Bytes that know how many of theirs were searched."""

    searched = 0

    def find(self, wanted, start=0, end=None):
        end = len(self) if end is None else end
        found = super().find(wanted, start, end)
        self.searched += (found if found >= 0 else end) - start
        return found


def test_deep_multiparts_are_not_searched_once_for_each_level(monkeypatch):
    monkeypatch.setattr(structure, "_FREE_SCAN", 0)
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(64)
    )
    raw = Counted(nested + b"\r\n" + b"x" * 200_000)
    assert not parse(raw).is_undecodable
    assert raw.searched < 24 * len(raw)


def test_fields_beyond_the_limit_are_not_told_apart():
    assert len(Headers(b"".join(b"X-%d: a\r\n" % n for n in range(3 * FIELDS_LIMIT)))) <= FIELDS_LIMIT + 1
    part = b"--b\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(1000)) + b"\r\nx\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + 3 * part
    for leaf in structure.split(raw)[1]:
        assert len(leaf.headers) <= structure.PART_FIELDS_LIMIT + 1


def test_texts_share_one_limit(monkeypatch):
    monkeypatch.setattr(opened_message, "PLAIN_LIMIT", 1000)
    monkeypatch.setattr(opened_message, "PAGES_LIMIT", 1000)
    for kind in (letters.text, letters.html):
        body = OpenedMessage(letters.multipart(*[kind("x" * 300) for _ in range(50)])).body()
        assert (body.html or body.text or "").count("x") <= 1000
