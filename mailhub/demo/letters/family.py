"""Letters to Alice from her family and from the plot next to hers."""

from __future__ import annotations

from mailhub.demo.letters import documents, pictures
from mailhub.demo.letters.days import FRIDAY, SUNDAY, coming, written
from mailhub.demo.letters.writing import Desk, Letter, prose, quoted, show_inline, simple_html

MARTA = "Marta Lindqvist <marta@lindqvist.example>"
TOM = "Tom Okafor <tom@okafor.example>"
DEWI = "Dewi Anggraini <dewi.anggraini@surat.example>"
RATNA = "Ratna Hartono <ratna.hartono@surat.example>"


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [photos(desk), *lunch(desk), birthday(desk), nameless(desk), wedding(desk)]


def photos(desk: Desk) -> Letter:
    """A picture in the text, two beside it, and a PDF."""
    sent = desk.ago(minutes=4, zone=1)
    text = f"""
        Dear Alice,

        the shed is finally painted. It took two weekends and most of Tom's patience, but it is the green we
        wanted and the door closes again. I have put the best pictures below, the rest are in
        [the album](https://photos.lindqvist.example/allotment).

        %PICTURE%

        Two things before the winter:

        - The key is with the neighbour in plot 14 until {written(coming(FRIDAY, sent.date()), "en")}. After
          that it hangs where it always hangs.
        - The water is switched off at the end of the month. Please empty the barrel if you are there before
          me.

        The plan for next year is attached. I moved the beans to the south side and gave the pumpkins less
        room than they think they deserve. Tell me if you disagree!

        Warm regards,
        |Marta
    """
    picture = '<p><img src="cid:shed@lindqvist.example" width="480" alt="The green shed, north side"></p>'
    message = desk.letter(
        "allotment-photos",
        MARTA,
        "Photos from the allotment, and the key",
        sent,
        prose(text.replace("%PICTURE%", "(picture: the shed from the north side)")),
        simple_html(text).replace("<p>%PICTURE%</p>", picture),
        cc=TOM,
    )
    north = pictures.shed()
    show_inline(message, north, "shed@lindqvist.example", "shed.png")
    message.add_attachment(north, "image", "png", filename="shed-north-side.png")
    message.add_attachment(pictures.beds(), "image", "png", filename=f"beds-in-{sent:%B}.png".lower())
    plan = documents.planting_plan(sent.year + 1)
    message.add_attachment(plan, "application", "pdf", filename=f"planting-plan-{sent.year + 1}.pdf")
    return desk.done("allotment-photos", message)


LUNCH = "Undangan makan siang hari Minggu"


def lunch(desk: Desk) -> list[Letter]:
    """An invitation to lunch in Indonesian, and two answers to it."""
    day = written(coming(SUNDAY, desk.ago(zone=1).date()), "id")
    invitation = prose(f"""
        Alice sayang,

        hari {day}, Ibu mau masak besar di rumah. Sudah lama kita tidak kumpul lengkap, apalagi sejak kamu
        pindah kerja. Datang sebelum jam dua belas ya, supaya makanannya masih hangat.

        Tolong sampaikan juga ke Dewi dan anak-anak. Kalau Bima mau bawa gitar, Bapak pasti senang.

        Peluk dari rumah,
        |Ibu
    """)
    sent = desk.ago(days=4, at="19:12", zone=1)
    first = desk.letter("lunch-1", RATNA, LUNCH, sent, invitation, cc=DEWI)
    return [desk.done("lunch-1", first), lunch_thanks(desk, invitation), lunch_for_four(desk)]


def lunch_thanks(desk: Desk, invitation: str) -> Letter:
    """An answer to everybody, with the whole invitation below it."""
    text = prose("""
        Tante Ratna, Mbak Alice,

        terima kasih undangannya. Insyaallah saya dan Bima datang. Mas Arif masih menunggu jadwal piket, nanti
        saya kabari lagi ya.

        Ada yang perlu saya bawa?

        Salam,
        |Dewi
    """)
    message = desk.letter(
        "lunch-2",
        DEWI,
        f"Re: {LUNCH}",
        desk.ago(days=2, at="20:40", zone=1),
        text + "\n" + quoted(invitation, "Ratna Hartono menulis:"),
        cc=RATNA,
        answers=[desk.message_id("lunch-1", "surat.example")],
    )
    return desk.done("lunch-2", message)


def lunch_for_four(desk: Desk) -> Letter:
    """An answer to what Alice wrote in between."""
    text = prose("""
        Mbak Alice, kami jadi datang berempat ya. Saya bawa rendang dan kerupuk kiriman dari Padang, jadi
        Tante tidak usah masak terlalu banyak. Bima sudah latihan dua lagu untuk Bapak, tapi ini masih
        rahasia.

        Kereta kami berangkat jam sembilan. Kalau tepat waktu, sebelum setengah dua belas sudah sampai.

        Sampai ketemu hari Minggu!
        |Dewi
    """)
    alice = "Sambal hijau dan kerupuk, kalau sempat. Yang lain biar Ibu yang urus :)\n"
    message = desk.letter(
        "lunch-3",
        DEWI,
        f"Re: {LUNCH}",
        desk.ago(minutes=49, zone=1),
        text + "\n" + quoted(alice, "Alice Hartono menulis:"),
        answers=[
            desk.message_id("lunch-1", "surat.example"),
            desk.message_id("lunch-2", "surat.example"),
            desk.message_id("lunch-alice", "post.example"),
        ],
    )
    return desk.done("lunch-3", message)


def birthday(desk: Desk) -> Letter:
    """Emoji in subject and text, a cake in the middle."""
    text = """
        Tante Alice,

        selamat ulang tahun! 🎂🎈 Semoga sehat terus, rezekinya lancar, dan kebunnya tidak dimakan siput lagi.

        %PICTURE%

        Kuenya aku bikin sendiri. Yang merah-merah itu ceri, bukan tomat. Sebagian sudah aku makan buat
        memastikan rasanya enak. Enak. 😋

        Peluk dari Bremen,
        |Bima
    """
    picture = '<p><img src="cid:kue@surat.example" width="400" alt="Kue ulang tahun"></p>'
    message = desk.letter(
        "birthday",
        "Bima Anggraini <bima@surat.example>",
        "Selamat ulang tahun, Tante! 🎂",
        desk.ago(days=10, at="06:02", zone=1),
        prose(text.replace("%PICTURE%", "(gambar: kue ulang tahun)")),
        simple_html(text).replace("<p>%PICTURE%</p>", picture),
    )
    show_inline(message, pictures.plate(), "kue@surat.example", "kue.png")
    return desk.done("birthday", message)


def nameless(desk: Desk) -> Letter:
    """No subject at all, as from a telephone in a hurry."""
    message = desk.letter(
        "no-subject",
        "Bima Anggraini <bima@surat.example>",
        "",
        desk.ago(days=7, at="16:31", zone=1),
        "tante ini jadwal latihannya ya. yang sabtu digeser jadi jam 4\n\nbima\n",
        headers={"X-Mailer": "Pocket Mail 4.1"},
    )
    rows = [("Hari", "Jam", "Tempat"), ("Selasa", "19.00", "Studio B"), ("Sabtu", "16.00", "Aula sekolah")]
    message.add_attachment(documents.table(rows), "text", "csv", filename="jadwal latihan.csv")
    return desk.done("no-subject", message)


def wedding(desk: Desk) -> Letter:
    """An archive of pictures and a list."""
    sent = desk.ago(days=22, at="14:05", zone=1)
    message = desk.letter(
        "wedding-pictures",
        RATNA,
        "Fwd: Foto pernikahan Sari dan Joko",
        sent,
        prose("""
            Alice, ini foto-foto dari Sari. Katanya yang ukuran besar menyusul. Ibu suka yang di depan rak
            buku, kamu kelihatan seperti Eyang waktu muda.

            Di dalamnya ada daftar nama juga, supaya kita tidak salah sebut waktu kirim ucapan terima kasih.

            Ibu
        """),
    )
    names = "Sari Wulandari\r\nJoko Prasetyo\r\nEyang Kusumo\r\nBude Lastri\r\nPakde Harun\r\n"
    files = {
        "foto/01-halaman.png": pictures.hills(480, 300),
        "foto/02-rak-buku.png": pictures.shelf(),
        "foto/03-kue.png": pictures.plate(),
        "daftar-nama.txt": names.encode(),
    }
    message.add_attachment(
        documents.archive(files, sent), "application", "zip", filename="foto-pernikahan.zip"
    )
    return desk.done("wedding-pictures", message)
