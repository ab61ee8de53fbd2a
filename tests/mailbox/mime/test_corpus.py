"""Every letter of tests/mail: who wrote it, what it says, which files it brings."""

# ruff: noqa: E501 - rows are easier to judge in one piece
from __future__ import annotations

from dataclasses import dataclass

import pytest

from mailbox.mime.parsing import attachment, parse, read_body
from tests.mailbox.corpus import NAMES, letter


@dataclass(frozen=True)
class Expected:
    """What a reader would say of a letter. `files` are names, with a star for those shown inside the text."""

    subject: str
    name: str
    address: str
    preview: str
    files: tuple[str, ...] = ()


EXPECTED = {
    "arabic": Expected("موعد الدرس الجديد", "ليلى نور", "layla@noor.example", "مرحبا أليس، الدرس يوم الثلاثاء"),
    "bounce": Expected(
        "Could not be delivered: Key handover", "Mail Delivery System", "MAILER-DAEMON@mx.gmx.example",
        "The address hausmeister@lindenhof.example does not exist.", ("delivery-status.txt", "message.eml"),
    ),
    "boundary-prefix": Expected(
        "One boundary begins like the other", "", "tom@okafor.example", "Plain words.", ("dot.png",)
    ),
    "broken-base64": Expected(
        "Junk between the letters", "", "tom@okafor.example", "Readable all the same.", ("data.bin", "chunks.bin")
    ),
    "chinese-broken": Expected("会议通知", "王力", "li@wang.example", "各位同事:会议改到星期五下午三点,请准时参加。镕\ufffd 地点"),
    "cyrillic-koi8": Expected(
        "Билеты на поезд", "Иван Петров", "ivan@petrov.example", "Здравствуйте! Билеты куплены, места у окна."
    ),
    "disguised-sender": Expected(
        "Your account X-Injected: yes", '"Nordbank" <service@nordbank.example> Bcc: all@noor.example',
        "attacker@elsewhere.example", "Please confirm.",
    ),
    "empty": Expected("", "", "", ""),
    "english": Expected(
        "The shed is painted", "Marta Lindqvist", "marta@lindqvist.example",
        "Dear Alice, the shed is finally painted. It took two weekends and most of Tom's patience, but",
    ),
    "flowed": Expected(
        "Contract draft, third round", "Rafael Costa", "rafael@costa.example",
        "Two changes on page 4, the rest as we said on the phone. Please look at the dates again. >this line",
    ),
    "flowed-delsp": Expected("flowed", "", "misaki@tanaka.example", "来月の打ち"),
    "forwarded": Expected(
        "Fwd: Your bill", "Tom Okafor", "tom@okafor.example", "Is this one yours?", ("Your bill for October.eml",)
    ),
    "headers-only": Expected("Reminder: 2 December, 10:20", "Praxis Dr. Weiss", "praxis@weiss.example", ""),
    "hebrew": Expected("שלום", "", "dana@levi.example", "מה שלומך?"),
    "hostile-names": Expected(
        "Files with names", "", "tom@okafor.example", "Six files.",
        ("passwd", "bill.exe", "billfdp.exe", "file-4", "ä" * 125 + ".pht", "_img src=x onerror=alert(1)_.svg"),
    ),
    "indonesian": Expected(
        "Re: Undangan makan siang hari Minggu", "Dewi Anggraini", "dewi@anggraini.example",
        "Mbak Alice, kami jadi datang berempat ya. Saya bawa rendang dan kerupuk dari Padang – enak sekali.",
    ),
    "invitation": Expected(
        "Invitation: Choir, new time", "Lena Brandt", "lena@brandt.example",
        "We move to Tuesdays, half past seven, same room.", ("invitation.ics",),
    ),
    "japanese": Expected(
        "12月の打ち合わせについて", "田中 美咲", "misaki@tanaka.example", "お世話になっております。来月の打ち合わせですが"
    ),
    "lf-only": Expected("Bare line feeds", "", "tom@okafor.example", "First.", ("second.txt",)),
    "list-footer": Expected(
        "[Choir] Heating", "Lena Brandt", "lena@brandt.example",
        "The heating is promised. choir mailing list <choir@lists.example>",
    ),
    "mbox-line": Expected("Out of a file", "", "tom@okafor.example", "Body."),
    "name-star": Expected("A parameter without a value", "", "tom@okafor.example", "Still here."),
    "names-2231": Expected(
        "Three files", "Praxis Dr. Weiss", "praxis@weiss.example", "Attached.",
        ("Größe und Maß 50%25.pdf", "счёт.txt", "Résumé.doc"),
    ),
    "nested": Expected(
        "Photos from the allotment, and the key", "Marta Lindqvist", "marta@lindqvist.example",
        "The key is with the neighbour until Friday.", ("shed.png*", "planting-plan-2027.pdf"),
    ),
    "newsletter": Expected(
        "Issue 212: On keeping letters – and throwing them away", "The Slow Reader", "letters@slowreader.example",
        "A drawer full of envelopes in Trieste What three generations wrote on the back of them, and why nobody",
    ),
    "no-end-boundary": Expected(
        "Second-hand cargo bike", "", "tom@okafor.example", "If the brakes are new I would take it for 900.",
        ("brakes.log",),
    ),
    "no-sender": Expected("Nobody wrote this", "", "", "Boo."),
    "nul": Expected("before after", "Nul", "nul@noor.example", "onetwo", ("ab.bin",)),
    "odd-ids": Expected("", "nobody in particular", "", "Odd."),
    "page-charset": Expected("Page", "", "olga@petrov.example", "Страница без указания кодировки"),
    "pictures-between": Expected(
        "Before and after", "Marta Lindqvist", "marta@lindqvist.example", "Before. After.", ("after.png",)
    ),
    "raw-header-koi8": Expected("Привет из Казани", "Иван Петров", "ivan@petrov.example", "До встречи!"),
    "raw-header-latin": Expected("Größe und Maß – für dich", "José Müller", "jose@mueller.example", "Grüße"),
    "raw-header-utf8": Expected("Æblekage på søndag", "Søren Ågård", "soren@agard.example", "Vi ses på søndag."),
    "signed": Expected(
        "Signed", "Rafael Costa", "rafael@costa.example", "These bytes must stay as they are:", ("signature.asc",)
    ),
    "unknown-charset": Expected("Caféé", "René", "rene@noor.example", "Déjà vu, 5 €."),
    "uuencode": Expected(
        "What we need", "Tom Okafor", "tom@okafor.example", "Here is the list. See you on Saturday.", ("list.txt",)
    ),
    "winmail": Expected(
        "Minutes", "", "office@lindenhof.example", "Minutes attached, café included.", ("winmail.dat",)
    ),
    "wrong-boundary": Expected(
        "The header names another boundary", "", "tom@okafor.example", "Read me all the same.", ("prices.csv",)
    ),
}  # fmt: skip


def test_every_letter_has_a_row():
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_letter(name):
    expected, parsed = EXPECTED[name], parse(letter(name))
    assert parsed.subject == expected.subject
    assert (parsed.from_name, parsed.from_address) == (expected.name, expected.address)
    assert parsed.preview.startswith(expected.preview)
    assert bool(parsed.preview) == bool(expected.preview)
    assert tuple(f"{info.filename}{'*' * info.is_inline}" for info in parsed.attachments) == expected.files
    assert not parsed.is_undecodable


@pytest.mark.parametrize("name", NAMES)
def test_positions_of_files_agree(name):
    """What `parse` lists is what `attachment` hands out, and there is nothing behind the last."""
    raw = letter(name)
    infos = parse(raw).attachments
    for position, info in enumerate(infos):
        again, content = attachment(raw, position)
        assert info.position == again.position == position
        assert (again.filename, again.content_type, again.content_id) == (
            info.filename, info.content_type, info.content_id,
        )  # fmt: skip
        assert again.size == len(content)
    with pytest.raises(LookupError):
        attachment(raw, len(infos))


CONTENTS = {
    ("broken-base64", 0): bytes(range(7)),
    ("broken-base64", 1): bytes(range(6)),
    ("uuencode", 0): b"Ladder, two brushes, primer, and the good tape.\n",
    ("no-end-boundary", 0): b"front ok\r\nrear ok\r\n",
    ("wrong-boundary", 0): b"a;b",
    ("nul", 0): b"\x00\x01\x02",
    ("lf-only", 0): b"Second.",
}


@pytest.mark.parametrize(("name", "position"), CONTENTS)
def test_contents_of_files(name, position):
    assert attachment(letter(name), position)[1] == CONTENTS[name, position]


def test_bodies_of_several_parts():
    body = read_body(letter("pictures-between"))
    assert body.html.count("<p>") == 2
    assert body.text == "Before. After."
    body = read_body(letter("list-footer"))
    assert "<i>promised</i>" in body.html
    assert "choir mailing list &lt;choir@lists.example&gt;" in body.html
    assert read_body(letter("newsletter")).text is None
    assert read_body(letter("english")).html is None


def test_flowed_text_says_so():
    assert read_body(letter("flowed")).is_flowed
    # Here the spaces at the ends of lines are no part of the text, so it is joined already.
    delsp = read_body(letter("flowed-delsp"))
    assert not delsp.is_flowed
    assert delsp.text.startswith("来月の打ち合わせです。\n")
