"""What a door takes for a number, and what a form that somebody has tampered with leads to."""

from __future__ import annotations

import pytest

from accounts.access import number_in
from tests.mailbox.web import HTMX, url

pytestmark = pytest.mark.django_db
LONG = "9" * 5_000  # Python refuses to read so many digits


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("17", 17), ("9" * 18, 10**18 - 1), ("9" * 19, None), (LONG, None)]
    + [(text, None) for text in ("", "-1", "1.5", " 7", "٣", "x", "\0")],
)
def test_numbers(text, number):
    assert number_in(text) == number


@pytest.mark.parametrize("odd", [LONG, "9" * 19, "-1", "٣", "x"])
def test_a_number_that_is_none_breaks_no_page(as_alice, acme, account, odd):
    for answer in (
        as_alice.post(url("messages_read"), {"all": "1", "message": odd}, headers=HTMX),
        as_alice.post(url("away_sentence"), {"about": odd}, headers=HTMX),
        as_alice.get(url("address_new"), {"account": odd}),
        as_alice.get(url("fetch_history", account.pk), {"before": odd}),
        as_alice.post(url("fetch_retry", account.pk), {"message": odd}),
        as_alice.post(url("mail_account_order"), {"order": odd}),
        as_alice.post(url("write"), {"account": odd}),
    ):
        assert answer.status_code < 500
