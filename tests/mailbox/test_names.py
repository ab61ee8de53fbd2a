"""What is a name of a folder or label, and which names a person takes for the same."""

from __future__ import annotations

import pytest
from django.utils import translation

from mailbox import names

LIMIT = 40


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Receipts", "Receipts"),
        ("  Receipts   2026 ", "Receipts 2026"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("x" * LIMIT, "x" * LIMIT),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_a_name_is_kept_as_it_is_meant(typed, kept):
    assert names.clean(typed, LIMIT) == kept


@pytest.mark.parametrize("typed", ["", " ", "\u00a0\u2003 ", "\u200d", " \u200c "])
def test_nothing_to_see_is_no_name(typed):
    with pytest.raises(names.Blank):
        names.clean(typed, LIMIT)


@pytest.mark.parametrize(
    "typed",
    [
        "a\rb",
        "a\nb",
        "Receipts\n",
        "a\x00b",
        "a\tb",
        "a\x1b[31m",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "In\u200bbox",
        "fdp\u202e.exe",
        "\ufeffInbox",
        "\ud800",
    ],
    ids=ascii,
)
def test_what_nobody_sees_is_refused(typed):
    with pytest.raises(names.Unprintable):
        names.clean(typed, LIMIT)


def test_a_name_has_room_for_so_many_characters():
    with pytest.raises(names.TooLong) as refusal:
        names.clean("x" * (LIMIT + 1), LIMIT)
    assert "40" in refusal.value.sentence


@pytest.mark.parametrize("other", ["RECEIPTS", "receipts", "\uff32eceipts"])
def test_the_same_name_to_a_person_is_taken(other):
    with pytest.raises(names.Taken) as refusal:
        names.check_free("Receipts", ["Travel", other])
    assert other in refusal.value.sentence


def test_other_names_are_free():
    names.check_free("Receipts", ["Receipt", "Receipts 2026", ""])


@pytest.mark.parametrize(
    "refusal",
    [
        names.Blank(),
        names.Unprintable(),
        names.TooLong(40),
        names.Taken("Travel"),
        names.Reserved("Inbox"),
        names.TooMany(100),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_every_refusal_says_what_is_so_and_what_to_do(refusal):
    with translation.override("en"):
        assert refusal.sentence.count(". ") == 1
        assert refusal.sentence.endswith(".")
