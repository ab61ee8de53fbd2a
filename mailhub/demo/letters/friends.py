"""Letters to Alice from friends and neighbours."""

from __future__ import annotations

from email.message import EmailMessage

from mailhub.demo.letters import pictures
from mailhub.demo.letters.days import SATURDAY, THURSDAY, coming, written
from mailhub.demo.letters.family import TOM
from mailhub.demo.letters.writing import SIGNATURE, Desk, Letter, flowed, prose, show_inline, simple_html

JONAS = "Jonas Petersen <jonas.petersen@fahrradhof.example>"


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [*bicycle(desk), panorama(desk), oksana(desk), leila(desk), forwarded(desk), neighbour(desk)]


BICYCLE = "Second-hand cargo bike"
TOMS_SIGNATURE = f"{SIGNATURE}\nTom Okafor\nplot 12, behind the apple trees\n"


def bicycle(desk: Desk) -> list[Letter]:
    """A sale settled in three letters, written as format=flowed with the answer below each quotation."""
    offer = prose("""
        Hello Alice, hello Tom,

        the cargo bike is still here. It is nine years old, long box, eight gears, and it has carried two
        children, one dog and a washing machine (not at the same time). New chain last spring. The front brake
        needs pads and the box could do with paint.

        I am asking 1,050. Come and ride it, any day after four.

        Jonas
    """)
    sent = desk.ago(days=5, at="17:26", zone=1)
    first = desk.letter("bicycle-1", JONAS, BICYCLE, sent, flowed(offer), cc=TOM)
    return [_flowed(desk, "bicycle-1", first), bicycle_question(desk), bicycle_price(desk)]


def bicycle_question(desk: Desk) -> Letter:
    """Tom's answer, to Jonas, with a copy for Alice."""
    text = f"""> The front brake needs pads and the box could do with paint.

Paint I have, as Alice will tell you: green, four litres left. The brakes worry me more. Would you do them \
before we come, or is that for us?

> I am asking 1,050. Come and ride it, any day after four.

Is there something to talk about if we bring our own pads?

{TOMS_SIGNATURE}"""
    message = desk.letter(
        "bicycle-2",
        TOM,
        f"Re: {BICYCLE}",
        desk.ago(days=3, at="21:03", zone=1),
        flowed(text),
        to=JONAS,
        cc=desk.owner,
        answers=[desk.message_id("bicycle-1", "fahrradhof.example")],
    )
    return _flowed(desk, "bicycle-2", message)


def bicycle_price(desk: Desk) -> Letter:
    """An answer to a letter that went to Tom alone."""
    day = written(coming(THURSDAY, desk.now.date()), "en")
    text = f"""> If it is only the pads, I can do them this week, and then
> it rides as it should. Nothing else is worn.

If the brakes are new I would take it for 900. Can we come by on {day} after six? \
Alice brings the trailer in case it does not fit between the two of us.

> PS: the bell is loud.

Good.

{TOMS_SIGNATURE}"""
    message = desk.letter(
        "bicycle-3",
        TOM,
        f"Re: Re: {BICYCLE}",
        desk.ago(days=1, at="18:12", zone=1),
        flowed(text),
        to=JONAS,
        cc=desk.owner,
        answers=[
            desk.message_id("bicycle-1", "fahrradhof.example"),
            desk.message_id("bicycle-2", "okafor.example"),
            desk.message_id("bicycle-jonas", "fahrradhof.example"),
        ],
    )
    return _flowed(desk, "bicycle-3", message)


def panorama(desk: Desk) -> Letter:
    """About 3 MB: one large picture."""
    message = desk.letter(
        "panorama",
        "Henrik Aalto <henrik@aalto-kuvat.example>",
        "The ridge at dawn, full size",
        desk.ago(days=9, at="22:47", zone=2),
        prose("""
            Alice,

            you asked for the one with the sun just above the third ridge. Here it is as it came out of the
            camera, nothing cut, nothing sharpened. It should print well up to sixty centimetres.

            We left the hut at half past four and were the only ones up there. I have never heard so little.

            If your mailbox complains about the size, tell me and I will send a card through the post instead.

            Henrik
        """),
    )
    message.add_attachment(
        pictures.hills(1600, 960, grain=7), "image", "png", filename="ridge-at-dawn-0417.png"
    )
    return desk.done("panorama", message)


def oksana(desk: Desk) -> Letter:
    """A personal letter in Ukrainian."""
    sent = desk.ago(days=8, at="21:18", zone=2)
    text = f"""
        Люба Алісо!

        Дякую за листівку зі Штральзунда, вона стоїть у мене на підвіконні поруч із твоїм фото з гарбузом. У
        Львові вже справжня осінь: зранку туман, увечері пахне димом і печеними яблуками.

        %PICTURE%

        Ти просила рецепт сирника від моєї бабусі. Записую так, як вона казала:

        - кілограм домашнього сиру двічі перетерти через сито;
        - шість яєць, склянка цукру, пачка масла, три ложки манки;
        - цедра одного лимона і жменя родзинок, замочених у чаї;
        - пекти годину на малому вогні й не відчиняти духовку, навіть якщо дуже кортить.

        Наступний виступ нашого хору: {written(coming(SATURDAY, sent.date(), 3), "uk")}. Якщо раптом матимеш
        вільні вихідні, приїзди: диван твій, а сирник спечемо разом.

        Обіймаю,
        |Оксана
    """
    picture = '<p><img src="cid:ranok@lyst.example" width="440" alt="Ранок над пагорбами"></p>'
    message = desk.letter(
        "oksana",
        "Оксана Мельник <oksana.melnyk@lyst.example>",
        "Привіт зі Львова і рецепт сирника",
        sent,
        prose(text.replace("%PICTURE%", "(світлина: ранок над пагорбами)")),
        simple_html(text).replace("<p>%PICTURE%</p>", picture),
    )
    show_inline(message, pictures.hills(600, 340), "ranok@lyst.example", "ранок.png")
    return desk.done("oksana", message)


def leila(desk: Desk) -> Letter:
    """Arabic, written from right to left, with a word of English inside."""
    sent = desk.ago(days=12, at="19:55", zone=3)
    text = f"""
        عزيزتي أليس،

        شكراً جزيلاً على الكتاب! وصل يوم أمس، وقرأت الفصل الأول في الحافلة حتى فاتتني محطتي. أعجبتني كثيراً
        الصفحات التي تتحدث فيها الكاتبة عن رسائل جدّتها، وأظن أن علينا أن نبدأ بها في لقائنا القادم.

        سنجتمع {written(coming(THURSDAY, sent.date(), 2), "ar")} في السابعة مساءً عند سلمى. نقرأ هذه المرة:

        - الفصول من الأول إلى الرابع؛
        - قصيدة قصيرة يختارها كل واحد منا؛
        - رسالة قديمة من البيت، لمن يحب أن يشاركنا بها.

        هل تستطيعين أن تحضري معك النسخة الإنجليزية (On Keeping Letters)؟ أريد أن أقارن ترجمة الصفحة 42.

        مع خالص المودة،
        |ليلى
    """
    message = desk.letter(
        "leila",
        "ليلى حداد <layla.haddad@bareed.example>",
        "نادي القراءة: موعد اللقاء القادم",
        sent,
        prose(text),
        simple_html(text).replace("<body>", '<body dir="rtl" lang="ar">'),
        headers={"Content-Language": "ar"},
    )
    return desk.done("leila", message)


def forwarded(desk: Desk) -> Letter:
    """A letter with another whole letter attached."""
    inner = desk.letter(
        "winter-party",
        "Gudrun Fiedler <vorstand@gartenverein-apfelweg.example>",
        "Winterfest: wer bringt was?",
        desk.ago(days=19, at="10:20", zone=1),
        prose("""
            Liebe Gartenfreundinnen und Gartenfreunde,

            unser Winterfest findet am zweiten Advent ab 15 Uhr im Vereinshaus statt. Punsch und Feuer sind
            da. Es fehlen noch Kuchen, Lichterketten und jemand mit einer guten Stimme.

            Bitte schreibt mir, was ihr mitbringt, damit es am Ende nicht wieder elf Kartoffelsalate sind.

            Herzliche Grüße
            |Gudrun Fiedler, Vorstand
        """),
        to="Tom Okafor <tom@okafor.example>",
    )
    outer = desk.letter(
        "forwarded",
        TOM,
        "Fwd: Winterfest: wer bringt was?",
        desk.ago(days=18, at="08:15", zone=1),
        prose("""
            Gudrun has my address but not yours, so here is her letter as it came.

            I said we would bring the lights. You said once that you can sing. I told her nothing, but I am
            thinking of it.

            Tom
        """),
    )
    outer.add_attachment(inner)
    return desk.done("forwarded", outer)


def neighbour(desk: Desk) -> Letter:
    """Three lines of plain ASCII, like most mail."""
    text = """Hi Alice, the postman left a parcel for you with us.
Ring any time before nine, we are up late anyway.

Best
Sven (2nd floor)
"""
    message = desk.letter(
        "neighbour",
        "sven@treppenhaus.example",
        "parcel",
        desk.ago(days=36, at="17:44", zone=2),
        text,
        charset="us-ascii",
    )
    return desk.done("neighbour", message)


def _flowed(desk: Desk, slug: str, message: EmailMessage) -> Letter:
    message.set_param("format", "flowed")
    return desk.done(slug, message)
