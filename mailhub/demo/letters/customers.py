"""Letters to the paper shop from the people who buy there."""

from __future__ import annotations

from mailhub.demo.letters import pictures
from mailhub.demo.letters.days import written
from mailhub.demo.letters.oddities import report
from mailhub.demo.letters.writing import Desk, Letter, designed_html, prose, quoted, show_inline, simple_html


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [
        order(desk),
        shipping(desk),
        praise(desk),
        *complaint(desk),
        guest_books(desk),
        postcard(desk),
        refund(desk),
        away(desk),
        mailbox_full(desk),
    ]


def order(desk: Desk) -> Letter:
    """A new order, as the marketplace announces it."""
    sent = desk.ago(minutes=12, zone=7)
    message = desk.letter(
        "order-1048",
        "Lapak <orders@lapak.example>",
        "Order #1048: 6 notebooks, paid",
        sent,
        prose("""
            Order #1048 from Amelia Ford, Nelson, New Zealand

            |4 x Notebook "Merapi", A5, indigo: $72.00
            |2 x Notebook "Merapi", A6, turmeric: $24.00
            |Air mail: $14.50
            |Total, paid: $110.50

            Note from the buyer: "Two are gifts. Could you wrap those in the paper with the leaves? Thank
            you!"
        """),
        designed_html("order", day=written(sent.date(), "en")),
        headers={"Reply-To": "Amelia Ford via Lapak <buyer-1048@lapak.example>"},
    )
    mark = pictures.mark((106, 44, 145), (242, 170, 76))
    show_inline(message, mark, "mark@lapak.example", "mark.png")
    return desk.done("order-1048", message)


def shipping(desk: Desk) -> Letter:
    """A short question in Indonesian."""
    message = desk.letter(
        "shipping",
        "Andi Rahman <andi.rahman@surat.example>",
        "Apakah bisa kirim ke Makassar?",
        desk.ago(minutes=55, zone=8),
        prose("""
            Selamat siang,

            saya mau pesan 30 buku tulis A5 untuk hadiah akhir tahun di kantor. Apakah bisa dikirim ke
            Makassar sebelum tanggal 15? Kalau bisa, saya ingin sampulnya campur: nila, kunyit, dan hijau
            daun, masing-masing sepuluh.

            Satu lagi, apakah nama kantor bisa dicetak kecil di halaman pertama?

            Terima kasih,
            |Andi
        """),
        headers={"X-Mailer": "Pocket Mail 4.1"},
    )
    return desk.done("shipping", message)


def praise(desk: Desk) -> Letter:
    """A happy customer, with a picture in the text."""
    text = """
        Hello,

        I promised myself that I would write when the first one was full, and today it is.

        %PICTURE%

        They are all yours except the thin grey one, which was a present and is not as nice. The paper takes
        ink, pencil and one spilled tea without complaint. My daughter has claimed the yellow one.

        Please never stop making the indigo ones. If you do, tell me a month before.

        With thanks from a rainy island,
        |Eilidh
    """
    picture = '<p><img src="cid:shelf@inkwell.example" width="460" alt="A shelf with notebooks"></p>'
    message = desk.letter(
        "praise",
        "Eilidh Munro <eilidh@inkwell.example>",
        "One full, nineteen to go",
        desk.ago(minutes=205, zone=0),
        prose(text.replace("%PICTURE%", "(picture: a shelf with notebooks)")),
        simple_html(text).replace("<p>%PICTURE%</p>", picture),
    )
    show_inline(message, pictures.shelf(), "shelf@inkwell.example", "shelf.png")
    return desk.done("praise", message)


def complaint(desk: Desk) -> list[Letter]:
    """A complaint in German with a picture, and the friendly end of it."""
    sender = "Matthias Vogel <m.vogel@briefkasten.example>"
    first = prose("""
        Guten Tag,

        gestern kam mein Paket an (Bestellung 1031). Drei der vier Hefte sind wunderschön. Das vierte hat
        unterwegs offenbar Wasser abbekommen: Die untere Ecke ist gewellt und hat einen bräunlichen Rand,
        siehe Foto.

        Ich weiß, dass Sie für das Wetter nichts können. Das Heft war aber als Geschenk gedacht. Können Sie
        mir ein neues schicken? Das alte behalte ich gern für Einkaufszettel und bezahle es auch.

        Freundliche Grüße
        |Matthias Vogel
    """)
    second = prose("""
        Guten Tag,

        mit einer so schnellen Antwort hatte ich nicht gerechnet. Vielen Dank! Das wellige Heft ist inzwischen
        in der Küche und macht sich dort gut. Die Adresse ist die gleiche, bitte vorne klingeln, der Hund ist
        nur laut.

        Herzlich
        |Matthias Vogel
    """)
    apology = "Lieber Herr Vogel,\n\ndas tut uns leid. Ein neues Heft geht morgen auf die Reise.\n"
    subject = "Bestellung 1031: ein Heft ist nass geworden"
    claim = desk.letter("complaint-1", sender, subject, desk.ago(days=3, at="18:50", zone=1), first)
    claim.add_attachment(pictures.stain(), "image", "png", filename="Heft mit Wasserrand (außen).png")
    thanks = desk.letter(
        "complaint-2",
        sender,
        f"AW: {subject}",
        desk.ago(days=1, at="20:09", zone=1),
        second + "\n" + quoted(apology, "Toko Kertas schrieb:"),
        answers=[
            desk.message_id("complaint-1", "briefkasten.example"),
            desk.message_id("complaint-answer", "toko.example"),
        ],
    )
    return [desk.done("complaint-1", claim), desk.done("complaint-2", thanks)]


def guest_books(desk: Desk) -> Letter:
    """A question in Arabic, in HTML from right to left."""
    text = """
        السلام عليكم ورحمة الله وبركاته،

        رأيت دفاتركم الجميلة عند صديقة لي، وأودّ أن أطلب منكم دفترين كبيرين لتوقيعات الضيوف في حفل زفاف أختي.

        - هل يمكن أن يكون الغلاف باللون العاجي مع حبر ذهبي؟
        - هل يُفتح الدفتر من اليمين إلى اليسار؟
        - كم يستغرق الشحن إلى عمّان؟

        الحفل بعد ستة أسابيع، والاسمان على الغلاف: نور وسامي (Noor & Sami).

        وجزاكم الله خيراً،
        |هند المصري
    """
    message = desk.letter(
        "guest-books",
        "هند المصري <hind@bareed.example>",
        "استفسار عن دفاتر ضيوف لحفل زفاف",
        desk.ago(days=4, at="20:33", zone=3),
        prose(text),
        simple_html(text).replace("<body>", '<body dir="rtl" lang="ar">'),
        headers={"Content-Language": "ar"},
    )
    return desk.done("guest-books", message)


def postcard(desk: Desk) -> Letter:
    """A question in Ukrainian."""
    message = desk.letter(
        "postcard-paper",
        "Тарас Гнатюк <taras@drukarnia.example>",
        "Папір для листівок: чи можна замовити зразки?",
        desk.ago(days=19, at="11:41", zone=2),
        prose("""
            Добрий день!

            Маємо невелику друкарню в Чернівцях і друкуємо листівки на старому верстаті. Шукаємо щільний папір
            ручної роботи, бажано з видимими волокнами, приблизно 300 г/м².

            Чи могли б ви надіслати кілька зразків? Доставку, звісно, оплатимо. Якщо папір підійде,
            замовлятимемо по двісті аркушів щомісяця.

            Дякую і гарного дня,
            |Тарас Гнатюк
        """),
    )
    return desk.done("postcard-paper", message)


def refund(desk: Desk) -> Letter:
    """An answer that quotes an answer that quotes a question."""
    question = "Hello, can I return the big one? It does not fit my bag.\n"
    middle = (
        "Of course. Send it back unused within 30 days, and we\nreturn the price of the notebook.\n\n"
        + quoted(question, "Priya Nair wrote:")
    )
    text = prose("""
        Thank you, that is kind. I posted it this morning, the number is RR 0417 221 ID.

        One question: would you swap it for the small indigo one instead of the money? I have bought a smaller
        bag in the meantime, which my husband finds funnier than I do.

        Priya
    """)
    message = desk.letter(
        "refund",
        "Priya Nair <priya.nair@kagaz.example>",
        "Re: Re: Returning a notebook",
        desk.ago(days=27, at="13:37", zone=5.5),
        text + "\n" + quoted(middle, "Toko Kertas wrote:"),
        answers=[
            desk.message_id("refund-1", "kagaz.example"),
            desk.message_id("refund-answer", "toko.example"),
        ],
    )
    return desk.done("refund", message)


def away(desk: Desk) -> Letter:
    """An automatic answer in English."""
    message = desk.letter(
        "buyer-away",
        "Oliver Grant <o.grant@museumshop.example>",
        "Automatic reply: Your order for the spring exhibition",
        desk.ago(days=9, at="09:02", zone=0),
        prose("""
            Thank you for your message. I am on leave and back in two weeks. Orders for the museum shop are
            looked after by my colleague at orders@museumshop.example.

            This is an automatic reply.

            Oliver Grant
        """),
        answers=[desk.message_id("museum-answer", "toko.example")],
        headers={"Auto-Submitted": "auto-replied"},
    )
    return desk.done("buyer-away", message)


def mailbox_full(desk: Desk) -> Letter:
    """A delivery report: the receiver has no space left."""
    return report(
        desk,
        "mailbox-full",
        desk.ago(days=33, at="08:12", zone=7),
        subject="Could not be delivered: Your notebooks are on their way",
        recipient="lotte@zolder.example",
        status="5.2.2",
        said="552 5.2.2 <lotte@zolder.example>: mailbox full",
        explained="The mailbox of lotte@zolder.example is full.",
        returned=f"""From: {desk.owner}
To: lotte@zolder.example
Subject: Your notebooks are on their way
Message-ID: {desk.message_id("on-their-way", "toko.example")}""",
    )
