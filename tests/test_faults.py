"""The fault matrix is whole: every row has a test, every id a row, and its page says what is there."""

from __future__ import annotations

from itertools import groupby

import pytest

from tests.faults import FAULTS, SECTIONS, ids_of
from tools import faults

TESTS = faults.tests_by_id()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_row_has_a_test_or_says_why_not(fault):
    assert fault.later or TESTS.get(fault.id), f"no test is called test_{fault.id.lower()}_…"
    assert bool(fault.later) != bool(fault.answer)
    assert fault.fault.endswith(".")


def test_every_id_in_a_tests_name_is_a_row():
    assert {each: TESTS[each] for each in TESTS.keys() - FAULTS.keys()} == {}


def test_rows_are_numbered_without_gaps():
    assert [letter for letter, _title, _rows in SECTIONS] == [
        letter for letter, _ in groupby(FAULTS, lambda id: id[0])
    ]
    for letter, _title, rows in SECTIONS:
        assert [row[0] for row in rows] == [f"{letter}{number}" for number in range(1, len(rows) + 1)]


def test_the_page_is_what_rows_and_tests_make_it():
    assert faults.PAGE.read_text() == faults.page(), "run: python tools/faults.py --write"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_c17_at_every_step", ["C17"]),
        ("test_u14_r7_a_refused_message", ["U14", "R7"]),
        ("test_a_user_of_m1_makes", []),
        ("test_utf8_is_switched_on", []),
        ("test_m20", []),
        ("check_m1_x", []),
    ],
)
def test_ids_are_read_from_names(name, ids):
    assert ids_of(name) == ids


def test_the_marker_selects_by_name(request):
    """Whoever runs `-m fault` runs every test with an id, and no other."""
    for item in request.session.items:
        assert bool(item.get_closest_marker("fault")) == bool(ids_of(item.originalname or item.name)), (
            item.nodeid
        )
