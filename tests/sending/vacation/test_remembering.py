"""By what a sender is remembered, and what a letter refers to: so that two machines do not go on for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sending.vacation.rules import Answer, Reason, facts_of
from tests.sending.vacation.samples import letter_to_ada
from tests.sending.vacation.test_rules import JUST_NOW, judge


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("helpdesk+t1@tickets.example", "helpdesk+t2@tickets.example", True),
        ("Helpdesk+T1@tickets.example", "helpdesk@TICKETS.example", True),
        ("case-4711@tickets.example", "case-4712@tickets.example", True),
        ("case_a81f3c@tickets.example", "case_0b4411@tickets.example", True),
        ("reply.4711.889@tickets.example", "reply.4712.1@tickets.example", False),
        ("4711-help@tickets.example", "4712-help@tickets.example", True),
        ("reply4711@tickets.example", "reply4712@tickets.example", True),
        ("12345678@qq.example", "12345679@qq.example", False),
        ("bob@post.example", "bo@post.example", False),
        ("bob.smith@post.example", "bob.jones@post.example", False),
        ("bob2@post.example", "bob3@post.example", False),
        ("case-4711@one.example", "case-4711@two.example", False),
    ],
)
def test_sent_a_sender_is_remembered_without_tags_and_numbers_of_tickets(one, other, same):
    keys = [facts_of(letter_to_ada(sender=each, path=f"<{each}>")).keys for each in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_sent_no_answer_to_what_refers_to_an_away_reply():
    raw = letter_to_ada("In-Reply-To: <away@example.org>", "References: <tea@example.org> <away@example.org>")
    assert facts_of(raw).refers_to == ("<away@example.org>", "<tea@example.org>")
    assert judge(raw, history=replace(JUST_NOW, is_to_own_reply=True)) is Reason.OWN_REPLY
    assert isinstance(judge(raw), Answer)
