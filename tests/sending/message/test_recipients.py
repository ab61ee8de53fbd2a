"""Recipients as people type them, right and wrong."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sending.message.build import Address
from sending.message.recipients import read_recipients, write_recipients


@pytest.mark.parametrize(
    ("typed", "people"),
    [
        ("", ()),
        ("tom@y.example", (Address("", "tom@y.example"),)),
        ("Tom <tom@y.example>", (Address("Tom", "tom@y.example"),)),
        ('"Doe, Jane" <j@x.example>', (Address("Doe, Jane", "j@x.example"),)),
        ('"Ann \\"A\\" Bo" <a@x.example>', (Address('Ann "A" Bo', "a@x.example"),)),
        ("a@x.example,, ;b@x.example\n", (Address("", "a@x.example"), Address("", "b@x.example"))),
        ("a@x.example\r\nb@x.example", (Address("", "a@x.example"), Address("", "b@x.example"))),
        ("Ü <ü@bücher.example>", (Address("Ü", "ü@xn--bcher-kva.example"),)),
        ("me@[192.0.2.1]", (Address("", "me@[192.0.2.1]"),)),
    ],
)
def test_what_people_type_is_understood(typed, people):
    assert read_recipients(typed).people == people
    assert read_recipients(typed).bad == ()


@pytest.mark.parametrize(
    "typed",
    [
        "lena.brandt@choir",
        "nobody",
        "@x.example",
        "a@@x.example",
        "a b@x.example",
        "Tom <>",
        "Tom <tom@y.example> and Eve",
        "<a@x.example><b@x.example>",
        'Tom "x" <tom@y.example',
        "a@x.example\x01",
        "Na\x07me <a@x.example>",
        "a@x..example",
        "a" * 65 + "@x.example",
        "a@" + "x" * 64 + ".example",
    ],
)
def test_what_is_no_address_is_named_as_typed(typed):
    found = read_recipients(f"ok@x.example, {typed}")
    assert found.people == (Address("", "ok@x.example"),)
    assert found.bad == (typed,)


def test_a_line_break_begins_another_recipient_and_never_a_header():
    found = read_recipients("a@x.example\r\nBcc: evil@x.example")
    assert found.people == (Address("", "a@x.example"),)
    assert found.bad == ("Bcc: evil@x.example",)


@given(
    st.lists(
        st.builds(
            Address,
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30).map(str.strip),
            st.just("a.b@x.example"),
        ),
        max_size=4,
    )
)
def test_what_is_written_is_read_again(people):
    clean = ["".join(char for char in each.name if char.isprintable()).strip() for each in people]
    assert read_recipients(write_recipients(people)).people == tuple(
        Address(name, "a.b@x.example") for name in clean
    )


@pytest.mark.parametrize("typed", ['"' * 19_999, "<" * 20_000, '"a' * 9_999, ",<" * 9_999, "\\" * 20_000])
def test_nothing_takes_long(typed):
    started = time.process_time()
    read_recipients(typed)
    assert time.process_time() - started < 1
