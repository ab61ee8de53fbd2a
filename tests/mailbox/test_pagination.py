"""Keyset pages: complete, without repetition, both ways, and as cheap among many messages as among few."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from accounts import tenancy
from mailbox import labels, pagination, services
from mailbox.models import Folder, Label, Message
from mailbox.pagination import BadCursor, Cursor
from quotas import services as quotas
from tests import factories
from tests.factories import deliver, letter

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PAGE = pagination.PAGE_SIZE


@pytest.fixture
def inbox(acme, account):
    with tenancy.scope(acme.pk):
        yield Folder.objects.select_related("account").get(account=account, role=Folder.Role.INBOX)


def fill(
    folder: Folder, count: int, *, unread_every: int = 1, step: timedelta = timedelta(minutes=-1)
) -> None:
    """Many rows without raw bytes, made in the database; the books are kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO mailbox_message (organization_id, account_id, folder_id, sent_at, date_text,
                size, sha256, subject, from_name, from_address, recipients, preview, message_id, in_reply_to,
                "references", is_read, is_starred, has_attachments, is_undecodable)
            SELECT %s, %s, %s, %s + n * %s, '', 1, sha256(n::text::bytea), 'Letter ' || n, '', '',
                '{}', '', '', '', '[]', n %% %s <> 0, false, false, false
            FROM generate_series(0, %s - 1) AS n""",
            [folder.organization_id, folder.account_id, folder.pk, START, step, unread_every, count],
        )
        cursor.execute("ANALYZE mailbox_message")
    Folder.objects.filter(pk=folder.pk).update(
        messages_count=count, unread_count=len(range(0, count, unread_every)), size=count
    )
    quotas.charge(folder.organization_id, count, messages=count, account_id=folder.account_id)


def expected(folders, **conditions) -> list[int]:
    rows = Message.objects.filter(folder__in=folders, **conditions).order_by("-sent_at", "-id")
    return list(rows.values_list("pk", flat=True))


def walk(folders, direction: str, start: str = "", **options) -> list[list[int]]:
    found, at = [], start
    while True:
        page = pagination.page(folders, at=at, **options)
        found.append([row.pk for row in page.messages])
        at = getattr(page, direction)
        if not at:
            return found


# ── Complete, both ways ─────────────────────────────────────────────────────
@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 3 * PAGE + 7])
def test_walking_to_the_end_shows_every_message_once(inbox, count):
    fill(inbox, count)
    found = walk([inbox.pk], "older")
    assert [key for page in found for key in page] == expected([inbox.pk])
    assert all(len(page) == PAGE for page in found[:-1])


def test_equal_times_are_told_apart_by_id(inbox):
    fill(inbox, 2 * PAGE + 3, step=timedelta(0))
    assert [key for page in walk([inbox.pk], "older") for key in page] == expected([inbox.pk])


def test_walking_back_shows_the_same_pages(inbox):
    fill(inbox, 3 * PAGE)
    first = pagination.page([inbox.pk])
    second = pagination.page([inbox.pk], at=first.older)
    third = pagination.page([inbox.pk], at=second.older)
    back = pagination.page([inbox.pk], at=third.newer)
    assert [row.pk for row in back.messages] == [row.pk for row in second.messages]
    top = pagination.page([inbox.pk], at=back.newer)
    assert [row.pk for row in top.messages] == [row.pk for row in first.messages]
    assert (first.newer, third.older, top.newer, top.at) == ("", "", "", "")
    assert back.newer
    assert back.older


def test_at_the_newest_end_the_first_page_is_shown_whole(inbox):
    fill(inbox, PAGE + 5)
    second = pagination.page([inbox.pk], at=pagination.page([inbox.pk]).older)
    # Three more arrive while the second page is read; the way back must end with a whole page.
    deliver(inbox.account, *[letter(f"New {n}", date="Tue, 1 Dec 2026 10:00:00 +0000") for n in range(3)])
    top = pagination.page([inbox.pk], at=second.newer)
    if not top.at:
        assert len(top.messages) == PAGE
    assert walk([inbox.pk], "newer", second.newer)[-1] == expected([inbox.pk])[:PAGE]


def test_what_arrives_or_goes_meanwhile_neither_repeats_nor_hides(inbox):
    fill(inbox, 2 * PAGE)
    first = pagination.page([inbox.pk])
    before = expected([inbox.pk])
    deliver(inbox.account, letter("New", date="Tue, 1 Dec 2026 10:00:00 +0000"))
    gone = first.messages[-1]  # the row that the cursor names
    size = gone.size
    Message.objects.filter(pk=gone.pk).delete()
    Folder.objects.filter(pk=inbox.pk).update(messages_count=2 * PAGE, unread_count=2 * PAGE)
    quotas.release(inbox.organization_id, size, messages=1, account_id=inbox.account_id)
    inbox.refresh_from_db()
    Folder.objects.filter(pk=inbox.pk).update(size=inbox.size - size)
    second = pagination.page([inbox.pk], at=first.older)
    assert [row.pk for row in second.messages] == before[PAGE:]


def test_a_place_that_is_empty_now_shows_the_first_page(inbox):
    fill(inbox, PAGE + 1)
    before_all = Cursor((START - timedelta(days=900), 1)).encode()
    page = pagination.page([inbox.pk], at=before_all)
    assert (page.at, len(page.messages)) == ("", PAGE)


def test_unread_only(inbox):
    fill(inbox, 5 * PAGE, unread_every=2)
    found = walk([inbox.pk], "older", unread_only=True)
    assert [key for page in found for key in page] == expected([inbox.pk], is_read=False)


# ── All accounts ────────────────────────────────────────────────────────────
@pytest.fixture
def inboxes(acme, alice, inbox):
    more = [factories.connect(acme, alice, name=f"Box {n}", email=f"box{n}@mail.example") for n in range(3)]
    folders = [inbox, *Folder.objects.filter(account__in=more, role=Folder.Role.INBOX)]
    for number, folder in enumerate(folders):
        fill(folder, 40 * (number + 1), step=timedelta(minutes=-7, seconds=number), unread_every=3)
    return [folder.pk for folder in folders]


@pytest.mark.parametrize("unread_only", [False, True])
def test_several_folders_are_one_list(inboxes, unread_only):
    conditions = {"is_read": False} if unread_only else {}
    found = walk(inboxes, "older", unread_only=unread_only)
    assert [key for page in found for key in page] == expected(inboxes, **conditions)
    last = pagination.page(inboxes, unread_only=unread_only)
    while last.older:
        last = pagination.page(inboxes, at=last.older, unread_only=unread_only)
    back = walk(inboxes, "newer", last.at, unread_only=unread_only)
    assert sum(map(len, back)) >= len(expected(inboxes, **conditions))


def test_without_a_folder_there_is_an_empty_page(inbox):
    assert pagination.page([]) == pagination.Page([])


# ── The page around a message ───────────────────────────────────────────────
@pytest.mark.parametrize("place", [0, 1, 24, 25, 26, 49, 50, 51, 100, 149])
def test_the_page_around_a_message_shows_it(inbox, place):
    fill(inbox, 3 * PAGE)
    message = Message.objects.get(pk=expected([inbox.pk])[place])
    page = pagination.page_around([inbox.pk], message)
    assert message in page
    assert page.messages == pagination.page([inbox.pk], at=page.at).messages
    if place >= PAGE:
        assert page.newer


def test_the_page_around_a_message_that_the_list_lacks_is_near_it(inbox):
    fill(inbox, 3 * PAGE, unread_every=2)
    read = Message.objects.filter(is_read=True).order_by("-sent_at")[60]
    page = pagination.page_around([inbox.pk], read, unread_only=True)
    assert read not in page
    assert page.messages[0].sent_at > read.sent_at > page.messages[-1].sent_at


# ── Labels ──────────────────────────────────────────────────────────────────
def label_every(inbox: Folder, step: int) -> Label:
    """A label on every such message of the folder."""
    made = labels.create_label(inbox.account, f"Every {step}")
    labels.attach(made, expected([inbox.pk])[::step])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mailbox_messagelabel")
    return made


@pytest.mark.parametrize("unread_only", [False, True])
def test_walking_a_labels_list_shows_each_of_its_messages_once(inbox, unread_only):
    fill(inbox, 8 * PAGE, unread_every=3, step=timedelta(0))
    made = label_every(inbox, 2)
    wanted = expected([inbox.pk], labels=made, **({"is_read": False} if unread_only else {}))
    found = walk([inbox.pk], "older", label=made.pk, unread_only=unread_only)
    assert [key for page in found for key in page] == wanted
    before_last = Cursor((START, found[-1][0]), newer=True).encode()
    back = walk([inbox.pk], "newer", before_last, label=made.pk, unread_only=unread_only)
    assert len(found) > 1
    assert back[0] == found[-2]
    assert back[-1] == wanted[:PAGE]


def test_the_page_around_a_labelled_message_shows_it(inbox):
    fill(inbox, 4 * PAGE)
    made = label_every(inbox, 2)
    message = Message.objects.get(pk=expected([inbox.pk], labels=made)[PAGE + 3])
    page = pagination.page_around([inbox.pk], message, label=made.pk)
    assert message in page
    assert page.newer


def test_a_labels_list_is_of_the_folders_asked_for(inbox):
    trash = Folder.objects.get(account=inbox.account, role=Folder.Role.TRASH)
    fill(inbox, 10)
    made = label_every(inbox, 2)
    services.trash(Message.objects.filter(pk__in=expected([inbox.pk])[:4]))
    assert len(pagination.page([inbox.pk], label=made.pk).messages) == 3
    assert len(pagination.page([trash.pk], label=made.pk).messages) == 2
    assert pagination.page([], label=made.pk) == pagination.Page([])


# ── Cursors ─────────────────────────────────────────────────────────────────
@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    st.integers(0, 2**63 - 1),
    st.booleans(),
)
def test_a_cursor_survives_the_address_bar(sent_at, key, newer):
    cursor = Cursor((sent_at, key), newer)
    text = cursor.encode()
    assert Cursor.decode(text) == cursor
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.one_of(st.text(max_size=60), st.binary(max_size=40).map(lambda value: value.hex())))
def test_what_is_no_cursor_is_refused_quietly(text):
    with suppress(BadCursor):
        Cursor.decode(text)


@pytest.mark.parametrize("text", ["x", "é", "A" * 22, "A" * 24, "=" * 23, "_" * 23, "../../etc", "0" * 500])
def test_a_bad_cursor_shows_the_first_page(inbox, text):
    fill(inbox, 3)
    assert len(pagination.page([inbox.pk], at=text).messages) == 3


# ── What it costs ───────────────────────────────────────────────────────────
def plan_of(capture) -> str:
    sql = next(query["sql"] for query in capture if "LIMIT" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        return json.dumps(cursor.fetchone()[0])


def nodes(plan: str) -> list[dict]:
    found, todo = [], [json.loads(plan)[0]["Plan"]]
    while todo:
        node = todo.pop()
        found.append(node)
        todo += node.get("Plans", [])
    return found


@pytest.mark.parametrize("unread_only", [False, True])
@pytest.mark.parametrize("newer", [False, True])
def test_a_page_is_read_from_its_index_however_many_there_are(
    inbox, django_assert_num_queries, newer, unread_only
):
    fill(inbox, 20_000, unread_every=3)
    at = Cursor((START - timedelta(minutes=10_000), 0), newer).encode()
    with django_assert_num_queries(3) as capture:
        page = pagination.page([inbox.pk], at=at, unread_only=unread_only)
    assert len(page.messages) == PAGE
    plan = nodes(plan_of(capture))
    [scan] = [
        node
        for node in plan
        if "Scan" in node["Node Type"] and node.get("Relation Name") == "mailbox_message"
    ]
    assert scan["Index Name"] == ("message_unread_list" if unread_only else "message_list")
    assert "ROW(sent_at, id)" in scan["Index Cond"], "the cursor bounds the scan"
    assert not any(node["Node Type"] == "Sort" for node in plan)


@pytest.mark.parametrize("unread_only", [False, True])
@pytest.mark.parametrize("newer", [False, True])
def test_a_labels_page_is_read_from_its_index_too(inbox, django_assert_num_queries, newer, unread_only):
    fill(inbox, 20_000, unread_every=3)
    made = label_every(inbox, 2)
    at = Cursor((START - timedelta(minutes=10_000), 0), newer).encode()
    with django_assert_num_queries(3) as capture:
        page = pagination.page([inbox.pk], at=at, label=made.pk, unread_only=unread_only)
    assert len(page.messages) == PAGE
    plan = nodes(plan_of(capture))
    [scan] = [node for node in plan if node.get("Relation Name") == "mailbox_messagelabel"]
    assert scan["Index Name"] == "label_list"
    assert "ROW(sent_at, message_id)" in scan["Index Cond"], "the cursor bounds the scan"
    assert not any(node["Node Type"] in ("Sort", "Seq Scan") for node in plan)


def test_the_list_of_all_accounts_reads_each_index_once(inboxes, django_assert_num_queries):
    for folder in Folder.objects.filter(pk__in=inboxes):
        Message.objects.filter(folder=folder).update(size=1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mailbox_message")
        cursor.execute("SET LOCAL enable_seqscan = off")
    with django_assert_num_queries(3) as capture:
        pagination.page(inboxes)
    plan = nodes(plan_of(capture))
    scans = [node for node in plan if node.get("Index Name") == "message_list"]
    assert len(scans) == len(inboxes)
    assert not any(node["Node Type"] == "Seq Scan" for node in plan)


def test_no_page_counts_or_skips(inbox, django_assert_num_queries):
    fill(inbox, 3 * PAGE)
    with django_assert_num_queries(6) as capture:
        page = pagination.page([inbox.pk])
        pagination.page([inbox.pk], at=page.older)
    for query in capture:
        assert "COUNT(" not in query["sql"].upper()
        assert "OFFSET" not in query["sql"].upper()


def test_rows_come_with_their_accounts_and_without_what_lists_do_not_show(inbox, django_assert_num_queries):
    fill(inbox, 3)
    made = label_every(inbox, 2)
    page = pagination.page([inbox.pk])
    with django_assert_num_queries(0):
        assert {row.account.name for row in page.messages} == {inbox.account.name}
        assert [row.people for row in page.messages]
        assert [list(row.labels.all()) for row in page.messages] == [[made], [], [made]]
    assert {"references", "sha256"} <= page.messages[0].get_deferred_fields()


# ── Days ────────────────────────────────────────────────────────────────────
def at(*moments: datetime) -> list[Message]:
    return [Message(pk=number, sent_at=moment) for number, moment in enumerate(moments)]


def days(*moments: datetime) -> list[str]:
    return [day for day, _ in pagination.by_day(at(*moments))]


@time_machine.travel("2026-11-25 15:00Z", tick=False)  # a Wednesday
def test_messages_stand_under_their_days():
    now = timezone.now()
    assert days(now + timedelta(hours=20), now, now - timedelta(hours=14)) == ["Today"]
    assert days(now - timedelta(hours=16)) == ["Yesterday"]
    assert days(now - timedelta(days=2)) == ["This week"]
    assert days(now - timedelta(days=3), now - timedelta(days=9)) == ["Last week"]
    assert days(now - timedelta(days=10), now - timedelta(days=40), now - timedelta(days=400)) == [
        "November",
        "October",
        "October 2025",
    ]


@time_machine.travel("2026-11-25 15:00Z", tick=False)
def test_a_day_is_that_of_the_reader():
    moment = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
    assert days(moment) == ["Yesterday"]
    with timezone.override("Asia/Jakarta"):  # 01:00 on the 25th there
        assert days(moment) == ["Today"]


@time_machine.travel("2026-11-25 15:00Z", tick=False)
def test_the_days_a_page_covers():
    now = timezone.now()
    assert pagination.span([]) == ""
    assert pagination.span(at(now)) == "25 November"
    assert pagination.span(at(now, now - timedelta(days=7))) == "18 – 25 November"
    assert pagination.span(at(now, now - timedelta(days=40))) == "16 October – 25 November"
    assert pagination.span(at(now, now - timedelta(days=400))) == "21 October 2025 – 25 November 2026"
    with translation.override("id"):
        assert pagination.span(at(now)) == "25 November"
