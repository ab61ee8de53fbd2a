"""The reply to EHLO."""

from __future__ import annotations

import pytest

from sending.smtp.extensions import Extensions


def parse(*lines: str) -> Extensions:
    return Extensions.parse(["mail.example greets SIZE 1", *lines])


def test_sent_all_that_is_known():
    found = parse("SIZE 35882577", "8BITMIME", "STARTTLS", "auth plain LOGIN", "ENHANCEDSTATUSCODES", "PIPELINING",
                  "SMTPUTF8", "CHUNKING", "X-ODD")  # fmt: skip
    assert found == Extensions(
        starttls=True,
        auth=frozenset({"PLAIN", "LOGIN"}),
        has_size=True,
        size=35882577,
        eight_bit=True,
        utf8=True,
        pipelining=True,
        enhanced_codes=True,
    )


def test_sent_the_greeting_line_is_no_extension():
    assert parse() == Extensions()
    assert Extensions.parse([]) == Extensions()


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE", None),
        ("SIZE 0", None),
        ("SIZE 10", 10),
        ("SIZE many", None),
        ("SIZE -1", None),
        ("SIZE " + "9" * 40, None),
    ],
)
def test_sent_size(line, size):
    found = parse(line)
    assert found.has_size
    assert found.size == size


@pytest.mark.parametrize(
    "lines", [["AUTH=PLAIN LOGIN"], ["AUTH PLAIN", "AUTH=LOGIN"], ["AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"]]
)
def test_sent_the_old_form_of_auth(lines):
    assert parse(*lines).auth == {"PLAIN", "LOGIN"}
