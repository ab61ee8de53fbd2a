"""Letters to Alice from work, the choir and the gardeners' mailing list."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.message import EmailMessage

from mailhub.demo.letters import documents
from mailhub.demo.letters.days import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, coming, month, written
from mailhub.demo.letters.writing import Desk, Letter, prose, quoted, simple_html

RAFAEL = "Rafael Costa <rafael@costa-edicoes.example>"
INGRID = "Ingrid Solberg <ingrid.solberg@nordverlag.example>"
TANAKA = "田中 美咲 <tanaka@midori-kami.example>"
PLOTS = "Plot holders <plots@list.gartenverein-apfelweg.example>"


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [
        invitation(desk),
        contract(desk),
        proofs(desk),
        away(desk),
        *paper_workshop(desk),
        seminar(desk),
        choir(desk),
        *plots(desk),
    ]


def invitation(desk: Desk) -> Letter:
    """A meeting to accept or decline: the calendar part stands beside the text, and as a file below it."""
    sent = desk.ago(minutes=170)
    day = coming(WEDNESDAY, sent.date(), 1)
    start = datetime(day.year, day.month, day.day, 14, tzinfo=sent.tzinfo)
    text = prose(f"""
        Hello Alice,

        here is the appointment for the last round: {written(day, "en")}, 14:00 UTC, forty-five minutes at
        most. The link is in the invitation. I have asked Ingrid to join for the second half.

        Rafael
    """)
    what = {
        "SUMMARY": "Contract, last round",
        "LOCATION": "https://meet.costa-edicoes.example/contract",
        "DESCRIPTION": "1. Dates of delivery\n2. Who reads the proofs\n3. Signature",
        "ORGANIZER": RAFAEL,
    }
    entry = documents.calendar_entry(
        desk.message_id("invitation-entry", "costa-edicoes.example").strip("<>"),
        sent,
        start,
        start + timedelta(minutes=45),
        what,
        desk.address,
    )
    message = desk.letter(
        "invitation",
        RAFAEL,
        f"Invitation: Contract, last round ({written(day, 'en')})",
        sent,
        text,
        simple_html(text),
    )
    message.add_alternative(entry, subtype="calendar", params={"method": "REQUEST"})
    message.add_attachment(entry.encode(), "application", "ics", filename="invite.ics")
    return desk.done("invitation", message)


def contract(desk: Desk) -> Letter:
    """A draft with the changes as PDF, high in the reader's list of things to do."""
    message = desk.letter(
        "contract",
        RAFAEL,
        "Contract draft, third round",
        desk.ago(days=4, at="15:42", zone=0),
        prose("""
            Dear Alice,

            two changes, in points 2 and 4, the rest as we said on the phone. Please look at the dates again:
            the printer wants the files three weeks earlier than last year, so I have moved your delivery to
            the end of February and added ten days for the proofs.

            The fee is unchanged. The clause about the audio edition is gone, as you asked.

            If you agree I will send two signed copies by post.

            Um abraço,
            |Rafael

            |--
            |Rafael Costa
            |Costa & Filhos Edições, Porto
        """),
        headers={"Importance": "high", "X-Priority": "2 (High)"},
    )
    lines = [
        "Between Costa & Filhos Edições, Porto, and Alice Hartono, translator.",
        "# 1. The work",
        "The translation of “On Keeping Letters” into Indonesian and German.",
        "# 2. Delivery (changed)",
        "Complete text: 28 February. Proofs: within ten days of receipt.",
        "# 3. Fee",
        "As in the second draft, in two instalments: at signature and at delivery.",
        "# 4. Rights (changed)",
        "Printed and electronic editions. The audio edition is not part of this contract.",
    ]
    draft = documents.sheet("Contract, third draft", lines, (0.42, 0.18, 0.16))
    message.add_attachment(draft, "application", "pdf", filename="contract-draft-3.pdf")
    return desk.done("contract", message)


def proofs(desk: Desk) -> Letter:
    """Asks for a receipt, in a conversation that began with Alice's own letter."""
    sent = desk.ago(days=11, at="10:08", zone=1)
    text = prose(f"""
        Hi Alice,

        thank you, both chapters arrived and read beautifully. Three small things before they go to the
        setter:

        - Page 31: is it the grandmother or the great-grandmother who keeps the envelopes? The English is
          vague.
        - Page 37: "Schublade" twice in one sentence.
        - The quinces. Our readers will want the recipe to work. Has anybody tried it?

        Could you confirm by {written(coming(FRIDAY, sent.date() + timedelta(days=2)), "en")}? I am travelling
        after that.

        Best,
        |Ingrid
    """)
    quote = quoted("Dear Ingrid,\n\nchapters three and four are attached.\n\nAlice\n", "Alice Hartono wrote:")
    message = desk.letter(
        "proofs",
        INGRID,
        "Re: Chapters three and four",
        sent,
        text + "\n" + quote,
        cc=RAFAEL,
        answers=[desk.message_id("chapters", "post.example")],
        headers={"Disposition-Notification-To": INGRID},
    )
    return desk.done("proofs", message)


def away(desk: Desk) -> Letter:
    """An automatic answer (RFC 3834)."""
    sent = desk.ago(days=1, at="11:03", zone=1)
    back = written(coming(MONDAY, sent.date(), 1), "de")
    message = desk.letter(
        "away",
        INGRID,
        "Automatische Antwort: Contract draft, third round",
        sent,
        prose(f"""
            Guten Tag,

            ich bin unterwegs und lese Ihre Nachricht am {back}. In dringenden Fällen hilft Ihnen das
            Lektorat: lektorat@nordverlag.example.

            Your message is not forwarded. I will read it when I am back.

            Ingrid Solberg
        """),
        answers=[desk.message_id("contract-alice", "post.example")],
        headers={
            "Auto-Submitted": "auto-replied",
            "X-Auto-Response-Suppress": "All",
            "Precedence": "auto_reply",
        },
    )
    return desk.done("away", message)


def paper_workshop(desk: Desk) -> list[Letter]:
    """Two letters in Japanese: the first in ISO-2022-JP, as formal mail still is, the second with a table."""
    sent = desk.ago(days=6, at="09:31", zone=9)
    later = desk.ago(days=3, at="16:12", zone=9)
    next_month = (sent.date().replace(day=1) + timedelta(days=32)).replace(day=1)
    meeting = coming(TUESDAY, next_month)
    day = written(meeting, "ja")
    first = f"""アリス・ハルトノ様

お世話になっております。
紙漉き工房みどりの田中です。

来月の打ち合わせですが、{day}の午後はいかがでしょうか。
展示の図録について、次の三点をご相談したく存じます。

　一、作家紹介の英訳とインドネシア語訳
　二、和紙の名称の表記
　三、校正の日程

ご都合のよい時間をお知らせいただければ幸いです。
どうぞよろしくお願いいたします。

--
紙漉き工房みどり
田中 美咲
"""
    second = f"""アリス様

早速のお返事をありがとうございます。
それでは{day}の十五時（日本時間）でお願いいたします。

展示する和紙の一覧を添付いたしました。
読み方に迷うものには、ふりがなを付けてあります。
「雁皮」は英語でも gampi のままで通じるそうです。

こちらは今朝、初雪が降りました。
どうぞ温かくしてお過ごしください。

田中
"""
    subject = f"{month(meeting, 'ja')}の打ち合わせについて"
    answers = [
        desk.message_id("paper-1", "midori-kami.example"),
        desk.message_id("paper-alice", "post.example"),
    ]
    rows = [
        ("番号", "名称", "ふりがな", "産地", "原料", "枚数"),
        (1, "楮紙", "こうぞがみ", "高知", "楮", 40),
        (2, "雁皮紙", "がんぴし", "滋賀", "雁皮", 25),
        (3, "三椏紙", "みつまたがみ", "岡山", "三椏", 30),
        (4, "揉み紙", "もみがみ", "工房", "楮", 12),
    ]
    reply = desk.letter("paper-2", TANAKA, f"Re: {subject}", later, second, answers=answers)
    reply.add_attachment(documents.table(rows), "text", "csv", filename="和紙一覧.csv")
    formal = desk.letter("paper-1", TANAKA, subject, sent, first, charset="iso-2022-jp", cte="7bit")
    return [desk.done("paper-1", formal), desk.done("paper-2", reply)]


def seminar(desk: Desk) -> Letter:
    """A table for a spreadsheet program, to many people."""
    people = [
        ("Name", "Language", "Topic", "Week", "Confirmed"),
        ("Adaeze Obi", "English", "Letters as maps", 3, "yes"),
        ("Bagus Santoso", "Indonesian", "Pantun and postcards", 4, "yes"),
        ("Clara Neumann", "German", "What is left out", 5, "no"),
        ("Daniil Kovalenko", "Ukrainian", "The censored line", 6, "yes"),
        ("Emi Sato", "Japanese", "Season words in business mail", 7, "yes"),
        ("Fatima Zahra", "Arabic", "Opening formulas, then and now", 8, "no"),
    ]
    message = desk.letter(
        "seminar",
        "Prof. Miriam Adler <m.adler@campus.example>",
        "Seminar “Translating letters”: corrected list",
        desk.ago(days=16, at="12:24", zone=1),
        prose("""
            Dear all,

            the list that I sent on Monday had two of you in the same week. Attached is the corrected one,
            with thanks to Clara for noticing.

            Alice Hartono will be our guest in week five and will bring proofs with real corrections on them.
            Please read the chapter beforehand, all of it.

            Miriam Adler
        """),
        to="seminar-letters@campus.example",
        cc=desk.owner,
    )
    message.add_attachment(documents.table(people), "text", "csv", filename="seminar-list-corrected.csv")
    return desk.done("seminar", message)


def choir(desk: Desk) -> Letter:
    """German in ISO-8859-1 and quoted-printable, to people who are not to see each other's addresses."""
    text = """Liebe Singende,

ab Januar proben wir dienstags, halb acht, im gleichen Raum. Die
Heizung ist versprochen (dieses Mal schriftlich).

Bitte übt bis dahin:
  - das Madrigal, Takt 12 bis 40, ohne zu eilen
  - den Kanon, auch rückwärts
  - beim Schlusschor die Umlaute: schön, nicht "schoen"

Wer einen Schlüssel zum Saal hat, sage mir bitte Bescheid.

Herzliche Grüße
Lena
"""
    message = desk.letter(
        "choir",
        "Lena Brandt <lena@chor-am-kanal.example>",
        "Chor: neue Probenzeiten für alle",
        desk.ago(days=5, at="22:15", zone=1),
        text,
        to="undisclosed-recipients:;",
        charset="iso-8859-1",
        cte="quoted-printable",
    )
    return desk.done("choir", message)


def plots(desk: Desk) -> list[Letter]:
    """A mailing list with its own header fields (RFC 2919, RFC 2369), and an answer on it."""
    sent, later = desk.ago(days=3, at="09:30", zone=1), desk.ago(days=2, at="20:15", zone=1)
    last = written((sent.date().replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1), "en")
    notice = f"""Dear all,

the water will be switched off on {last} at noon, and stays off until
the middle of March. Please

  * empty barrels and hoses before that day,
  * leave your tap open, so that the pipe can drain,
  * lock the valve box. Last year it was a hedgehog.

The working party meets two hours earlier at the tool shed. There
will be soup.

Gudrun Fiedler
"""
    answer = """Gudrun Fiedler wrote:
> The working party meets two hours earlier at the tool shed.

I can bring the big pot, and bread for twelve. If somebody lends me a
trolley I will bring the bench as well.

The hedgehog has moved under my compost, by the way. He is called
Herbert, and he would like to be left alone until March.

Henk (plot 31)
"""
    footer = "_______________________________________________\nplots mailing list\nhttps://list.gartenverein-apfelweg.example/plots\n"
    subject = "[plots] Water is switched off at the end of the month"
    gudrun, henk = "vorstand@gartenverein-apfelweg.example", "henk.devries@gracht.example"
    root = desk.message_id("plots-1", "gartenverein-apfelweg.example")
    return [
        desk.done(
            "plots-1",
            _on_list(desk, "plots-1", f"Gudrun Fiedler <{gudrun}>", subject, sent, f"{notice}{footer}"),
        ),
        desk.done(
            "plots-2",
            _on_list(
                desk,
                "plots-2",
                f"Henk de Vries <{henk}>",
                f"Re: {subject}",
                later,
                f"{answer}{footer}",
                answers=[root],
            ),
        ),
    ]


def _on_list(
    desk: Desk,
    slug: str,
    sender: str,
    subject: str,
    sent: datetime,
    text: str,
    answers: list[str] | None = None,
) -> EmailMessage:
    host = "list.gartenverein-apfelweg.example"
    return desk.letter(
        slug,
        sender,
        subject,
        sent,
        text,
        to=PLOTS,
        answers=answers or (),
        headers={
            "Reply-To": PLOTS,
            "Precedence": "list",
            "List-Id": f"Gartenverein Apfelweg, plot holders <plots.{host}>",
            "List-Post": f"<mailto:plots@{host}>",
            "List-Archive": f"<https://{host}/plots/archive>",
            "List-Unsubscribe": f"<mailto:plots-leave@{host}>",
        },
    )
