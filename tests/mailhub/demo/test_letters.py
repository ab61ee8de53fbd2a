"""The demo's letters: each kind of mail a visitor should see is there, and every one of them can be read."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import re
import struct
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from mailbox.mime.parsing import parse
from mailhub.demo.letters import build
from mailhub.demo.letters.days import SATURDAY, SUNDAY, coming, month_before, written
from mailhub.demo.letters.writing import Desk, flowed, prose, simple_html
from tests.mailhub.demo.server import ALICE, SHOP

# Writing sixty letters takes a second: one worker does it for all of these tests.
pytestmark = pytest.mark.xdist_group("letters")

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def raw() -> dict[str, dict[str, bytes]]:
    return build(NOW)


@pytest.fixture(scope="module")
def letters(raw) -> dict[str, EmailMessage]:
    """Every letter by its slug. Both mailboxes begin with a welcome; here it is the first one's."""
    return {
        name.partition("Z-")[2].removesuffix(".eml"): email.message_from_bytes(
            content, policy=email.policy.default
        )
        for address in (SHOP, ALICE)
        for name, content in raw[address].items()
    }


def parts(message: EmailMessage, kind: str) -> list[EmailMessage]:
    return [part for part in message.walk() if part.get_content_type() == kind]


def every_part(letters: dict[str, EmailMessage], kind: str) -> list[EmailMessage]:
    return [part for message in letters.values() for part in parts(message, kind)]


class TestAll:
    def test_how_many(self, raw):
        assert {address: len(box) for address, box in raw.items()} == {ALICE: 40, SHOP: 20}

    def test_the_same_moment_gives_the_same_bytes(self, raw):
        assert build(NOW) == raw

    @pytest.mark.parametrize(
        "now", [datetime(2027, 1, 1, 0, 4, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)]
    )
    def test_other_days_work_as_well(self, now):
        boxes = build(now)
        assert [len(box) for box in boxes.values()] == [40, 20]
        for box in boxes.values():
            assert max(box) < f"{now:%Y%m%dT%H%M%S}"

    def test_dates_spread_over_six_weeks_up_to_minutes_ago(self, raw):
        for box in raw.values():
            dates = [
                email.message_from_bytes(content, policy=email.policy.default)["Date"].datetime
                for content in box.values()
            ]
            assert dates == sorted(dates)  # the mailbox is listed by name
            assert timedelta(weeks=5) < NOW - dates[0] < timedelta(weeks=7)
            assert timedelta() < NOW - dates[-1] < timedelta(minutes=15)
            assert len({NOW.date() - date.date() for date in dates}) > 12

    def test_names_are_valid_unique_ids(self, raw):
        assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", name) for box in raw.values() for name in box)

    def test_lines_end_with_crlf_and_are_not_too_long(self, raw):
        for box in raw.values():
            for name, content in box.items():
                assert content.endswith(b"\r\n")
                assert b"\n" not in content.replace(b"\r\n", b""), name
                assert max(map(len, content.split(b"\r\n"))) <= 998, name  # RFC 5322, 2.1.1

    def test_only_names_that_belong_to_nobody(self, raw):
        """Hosts end in .example (RFC 2606, 3), addresses of machines are for documentation (RFC 5737)."""
        hosts, machines = set(), set()
        for box in raw.values():
            for content in box.values():
                message = email.message_from_bytes(content, policy=email.policy.default)
                text = content.split(b"\r\n\r\n")[0].decode("latin-1") + "".join(
                    part.get_payload(decode=True).decode("latin-1")
                    for part in message.walk()
                    if part.get_content_maintype() == "text"
                )
                hosts |= set(re.findall(r"(?:https?://|\w@)([\w.-]+[a-z])", text))
                machines |= set(re.findall(r"\[(\d+\.\d+\.\d+\.\d+)]", text))
        assert len(hosts) > 50
        assert [host for host in hosts if not host.endswith(".example")] == []
        assert all(machine.startswith("192.0.2.") for machine in machines)

    def test_message_ids_differ(self, letters):
        ids = [message["Message-ID"] for message in letters.values()]
        assert len(set(ids)) == len(ids) == 59

    def test_only_the_broken_ones_are_broken(self, letters):
        found = {
            slug: {type(defect).__name__ for part in message.walk() for defect in part.defects}
            for slug, message in letters.items()
        }
        assert {slug: defects for slug, defects in found.items() if defects} == {
            "unfinished": {"CloseBoundaryNotFoundDefect"}
        }

    def test_our_parser_reads_them_all(self, raw):
        parsed = {name: parse(content) for box in raw.values() for name, content in box.items()}
        assert [name for name, message in parsed.items() if message.is_undecodable] == []
        assert all(message.subject or message.preview for message in parsed.values())


class TestKinds:
    @pytest.mark.parametrize(
        ("slug", "script"),
        [
            ("lunch-1", "Ibu"),
            ("paper-1", "お世話"),
            ("leila", "عزيزتي"),
            ("oksana", "Дякую"),
            ("doctor", "können"),
            ("press", "Dear"),
        ],
    )
    def test_six_languages(self, letters, slug, script):
        assert script in letters[slug].get_body(("plain",)).get_content()

    @pytest.mark.parametrize(
        ("slug", "charset", "encoding"),
        [
            ("paper-1", "iso-2022-jp", "7bit"),
            ("choir", "iso-8859-1", "quoted-printable"),
            ("doctor", "utf-8", "8bit"),
            ("wholesale", "utf-8", "base64"),
            ("neighbour", "us-ascii", "7bit"),
            ("koi8", "koi8-u", "8bit"),
        ],
    )
    def test_character_sets_and_encodings(self, letters, slug, charset, encoding):
        message = letters[slug]
        assert message.get_content_charset() == charset
        assert message["Content-Transfer-Encoding"] == encoding
        assert "\ufffd" not in message.get_content()

    def test_arabic_says_its_direction(self, letters):
        for slug in ("leila", "guest-books"):
            assert 'dir="rtl"' in letters[slug].get_body(("html",)).get_content()

    @pytest.mark.parametrize(
        ("slugs", "length"),
        [
            (("lunch-1", "lunch-2", "lunch-3"), 3),
            (("bicycle-1", "bicycle-2", "bicycle-3"), 3),
            (("plots-1", "plots-2"), 1),
        ],
    )
    def test_conversations(self, letters, slugs, length):
        earlier = [letters[slug]["Message-ID"] for slug in slugs[:-1]]
        last = letters[slugs[-1]]
        thread = last["References"].split()
        assert [one for one in thread if one in earlier] == earlier
        assert len(thread) == length
        assert last["In-Reply-To"] == thread[-1]
        assert re.search("^> ", last.get_content(), re.MULTILINE)

    def test_flowed_text(self, letters):
        message = letters["bicycle-3"]
        assert message["Content-Type"].params["format"] == "flowed"
        lines = message.get_content().splitlines()
        assert max(map(len, lines)) <= 78
        assert any(line.endswith(" ") for line in lines)
        assert "-- " in lines

    def test_newsletters_have_remote_pictures_and_colours(self, letters):
        for slug in ("slow-reader-212", "seeds", "boxes"):
            html = letters[slug].get_body(("html",)).get_content()
            assert re.search(r'<img\s+src="https://', html)
            assert "bgcolor=" in html
            assert letters[slug]["List-Unsubscribe"]

    def test_pictures_in_the_text_are_there(self, letters):
        shown = 0
        for message in letters.values():
            for body in parts(message, "text/html"):
                ids = {f"<{cid}>" for cid in re.findall(r'src="cid:([^"]+)"', body.get_content())}
                assert ids <= {part["Content-ID"] for part in message.walk()}
                shown += len(ids)
        assert shown == 7

    def test_pictures_are_pictures(self, letters):
        pictures = every_part(letters, "image/png")
        assert len(pictures) == 11
        for part in pictures:
            content = part.get_content()
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", content[16:24])
            size = struct.unpack(">I", content[33:37])[0]
            rows = zlib.decompress(content[41 : 41 + size])
            assert len(rows) == height * (1 + 3 * width)
            assert len(set(rows)) > 3  # more than one flat colour

    def test_pdfs_are_pdfs(self, letters):
        documents = [
            part.get_content()
            for slug, message in letters.items()
            if slug != "damaged"
            for part in parts(message, "application/pdf")
        ]
        assert len(documents) == 6
        for content in documents:
            assert content.startswith(b"%PDF-1.4")
            start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)[1])
            places = re.findall(rb"(\d{10}) 00000 n ", content[start:])
            assert content[start:].startswith(b"xref\n0 7\n")
            for number, place in enumerate(places, 1):
                assert content[int(place) :].startswith(b"%d 0 obj" % number)
            assert b"/Type /Page " in content

    def test_invitations(self, letters):
        for slug in ("invitation", "market"):
            (entry,) = parts(letters[slug], "text/calendar")
            assert entry["Content-Type"].params["method"] == "REQUEST"
            text = entry.get_content()
            assert text.startswith("BEGIN:VCALENDAR")
            start = re.search(r"DTSTART:(\d{8}T\d{6}Z)", text)[1]
            assert datetime.strptime(start, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) > NOW
            assert max(map(len, text.splitlines())) <= 75

    def test_tables_and_archives_open(self, letters):
        tables = every_part(letters, "text/csv")
        assert len(tables) == 4
        for part in tables:
            rows = list(csv.reader(io.StringIO(part.get_payload(decode=True).decode("utf-8-sig"))))
            assert len(rows) > 2
            assert len({len(row) for row in rows}) == 1
        archives = [
            zipfile.ZipFile(io.BytesIO(part.get_content())) for part in every_part(letters, "application/zip")
        ]
        assert [packet.testzip() for packet in archives] == [None, None]
        assert letters["paper-2"].get_payload(1).get_filename() == "和紙一覧.csv"

    def test_a_forwarded_letter_is_whole(self, letters):
        (inner,) = parts(letters["forwarded"], "message/rfc822")
        assert inner.get_content()["Subject"] == "Winterfest: wer bringt was?"

    @pytest.mark.parametrize(("slug", "status"), [("bounce", "5.1.1"), ("mailbox-full", "5.2.2")])
    def test_delivery_reports(self, letters, slug, status):
        message = letters[slug]
        assert message["Content-Type"].params["report-type"] == "delivery-status"
        (report,) = parts(message, "message/delivery-status")
        per_message, per_recipient = report.get_payload()
        assert per_message["Reporting-MTA"]
        assert (per_recipient["Action"], per_recipient["Status"]) == ("failed", status)

    def test_automatic_answers_and_lists_say_so(self, letters):
        for slug in ("away", "buyer-away", "bounce"):
            assert letters[slug]["Auto-Submitted"] == "auto-replied"
        for slug in ("plots-1", "plots-2"):
            assert "<plots.list." in letters[slug]["List-Id"]
            assert letters[slug]["List-Post"]

    def test_subjects_that_are_hard_to_show(self, letters):
        assert letters["no-subject"]["Subject"] == ""
        assert len(letters["announcement"]["Subject"]) > 300
        assert "🎂" in letters["birthday"]["Subject"]

    def test_a_header_in_koi8(self, raw):
        (content,) = (content for name, content in raw[ALICE].items() if name.endswith("-koi8.eml"))
        (subject,) = re.findall(rb"^Subject: (.*)\r$", content, re.MULTILINE)
        assert subject.decode("koi8-r") == subject.decode("koi8-u") == "Розклад походу в Карпати"

    def test_a_sender_in_raw_latin_1(self, raw):
        (content,) = (content for name, content in raw[ALICE].items() if name.endswith("-unfinished.eml"))
        assert 'From: "Björn Ström"'.encode("latin-1") in content

    def test_one_has_no_sender(self, letters):
        assert [slug for slug, message in letters.items() if message["From"] is None] == ["scanner"]

    def test_one_is_large(self, raw):
        large = [name for box in raw.values() for name, content in box.items() if len(content) > 2_500_000]
        assert [name.partition("Z-")[2] for name in large] == ["panorama.eml"]
        assert sum(len(content) for content in raw[ALICE].values()) < 12_000_000

    def test_the_suspicious_one_lies_about_its_link(self, letters):
        message = letters["suspicious"]
        html = message.get_body(("html",)).get_content()
        link = re.search(r'<a href="http://([^/]+)/[^>]*>.*?https://([^/]+)/', html, re.DOTALL)
        assert link.groups() == ("login.verify-now.bait.example", "mail.post.example")
        assert "dmarc=fail" in message["Authentication-Results"]


class TestDesk:
    def test_prose_and_its_html(self):
        text = """
            Dear Alice,

            this goes
            on & on, see [the page](https://a.example/x).

            - one
              and more
            - two

            Yours
            |Bob
        """
        assert prose(text) == (
            "Dear Alice,\n\nthis goes on & on, see the page (https://a.example/x).\n\n"
            "- one and more\n- two\n\nYours\nBob\n"
        )
        html = simple_html(text)
        assert '<p>this goes on &amp; on, see <a href="https://a.example/x">the page</a>.</p>' in html
        assert "<ul><li>one and more</li><li>two</li></ul>" in html
        assert "<p>Yours<br>\nBob</p>" in html

    def test_flowed(self):
        assert flowed("> one two three\n-- \nshort\n", width=9) == "> one two \n> three\n-- \nshort\n"

    def test_the_past_is_past(self):
        desk = Desk(datetime(2026, 11, 23, 0, 5, tzinfo=UTC), "A <a@post.example>")
        for zone in (-11, -8, 0, 5.5, 14):
            for at in ("00:00", "12:00", "23:59"):
                assert desk.ago(days=0, at=at, zone=zone) < desk.now
        assert desk.ago(minutes=4) == desk.now - timedelta(minutes=4)

    def test_days(self):
        monday = NOW.date()
        assert written(coming(SATURDAY, monday), "en") == "Saturday 28 November"
        assert written(coming(SUNDAY, monday, 1), "de") == "Sonntag, 6. Dezember"
        assert coming(monday.weekday(), monday) == monday + timedelta(days=7)
        assert month_before(datetime(2027, 1, 31).date()) == datetime(2026, 12, 31).date()
