"""Letters to the paper shop from suppliers, partners and offices, and from people who sell success."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailhub.demo.letters import documents, pictures
from mailhub.demo.letters.days import SUNDAY, coming, month, month_before, written
from mailhub.demo.letters.errands import welcome
from mailhub.demo.letters.writing import Desk, Letter, designed_html, prose

SITI = "Siti Rahayu <siti@pabrik-merapi.example>"


def letters(desk: Desk) -> list[Letter]:
    """Return these letters, in no particular order."""
    return [
        courier(desk),
        wholesale(desk),
        mill(desk),
        boast(desk),
        market(desk),
        artwork(desk),
        payout(desk),
        press(desk),
        boxes(desk),
        welcome(desk, "Toko Kertas"),
    ]


def courier(desk: Desk) -> Letter:
    """A list from a machine."""
    text = """Toko Kertas, 3 paket sudah dijemput:

  ELG-2041177   Nelson, NZ        0,92 kg   order 1044
  ELG-2041178   Bremen, DE        0,41 kg   order 1031 (pengganti)
  ELG-2041179   Surabaya          2,15 kg   order 1046

Lacak: https://kurir-elang.example/lacak

Kurir Elang
"""
    message = desk.letter(
        "courier",
        "Kurir Elang <kabar@kurir-elang.example>",
        "3 paket sudah dijemput",
        desk.ago(days=1, at="15:22", zone=7),
        text,
        headers={"Auto-Submitted": "auto-generated"},
    )
    return desk.done("courier", message)


def wholesale(desk: Desk) -> Letter:
    """A Japanese stationer asks for wholesale terms."""
    text = """トコ・クルタス
ご担当者様

突然のご連絡失礼いたします。
神戸で文具店「かもめ文具」を営んでおります、森と申します。

先日、友人から貴店の藍染めのノートを贈られ、紙の手触りと
糸綴じの丁寧さに大変感動いたしました。
ぜひ当店でも取り扱わせていただきたく、ご連絡いたしました。

つきましては、次の点をお教えいただけますでしょうか。

　・卸価格と最小ロット
　・日本への送料と納期
　・表紙の色を指定できるかどうか

まずはA5判を五十冊ほどと考えております。
お忙しいところ恐れ入りますが、ご返信をお待ちしております。

かもめ文具
森 健一
"""
    message = desk.letter(
        "wholesale",
        "森 健一 <mori@kamome-bungu.example>",
        "【お問い合わせ】ノートの卸売りについて",
        desk.ago(days=2, at="10:47", zone=9),
        text,
        cte="base64",
    )
    return desk.done("wholesale", message)


def mill(desk: Desk) -> Letter:
    """An invoice from the paper mill, in Indonesian."""
    sent = desk.ago(days=5, at="09:14", zone=7)
    due = sent.date() + timedelta(days=14)
    message = desk.letter(
        "mill-invoice",
        SITI,
        "Faktur 311: kertas 100 g dan karton sampul",
        sent,
        prose(f"""
            Selamat pagi,

            terlampir faktur untuk kiriman kemarin. Kertas 100 gramnya dari gilingan yang baru, warnanya
            sedikit lebih hangat. Semoga cocok. Kalau kurang cocok, sisa yang lama masih ada dua rim di
            gudang.

            Jatuh tempo {written(due, "id")}.

            Salam hangat dari lereng Merapi,
            |Siti Rahayu
        """),
    )
    invoice = documents.invoice(
        ["Pabrik Kertas Merapi", "Jalan Lereng 9", "Sleman", "siti@pabrik-merapi.example"],
        ["Toko Kertas", "Jalan Melati 21", "Yogyakarta"],
        "Faktur 311",
        {"Tanggal": f"{sent:%d.%m.%Y}", "Jatuh tempo": f"{due:%d.%m.%Y}", "Pelanggan": "0027"},
        [
            ("Barang", "Jumlah", "Harga", "Total"),
            ("Kertas tulis 100 g, krem", "12 rim", "185.000", "2.220.000"),
            ("Karton sampul, nila", "200 lembar", "4.500", "900.000"),
            ("Benang linen, mentah", "6 gulung", "42.000", "252.000"),
            ("Ongkos kirim", "", "", "60.000"),
        ],
        ("Jumlah", "Rp3.432.000"),
        "Terima kasih. Tolong cantumkan nomor faktur saat membayar.",
        (0.36, 0.24, 0.16),
    )
    message.add_attachment(invoice, "application", "pdf", filename="faktur-311.pdf")
    return desk.done("mill-invoice", message)


def boast(desk: Desk) -> Letter:
    """Advertising that nobody asked for, marked as such by the provider."""
    message = desk.letter(
        "boast",
        "Kevin BEST <kevin@rank.bait.example>",
        "RE: toko.example is LOSING customers every day???",
        desk.ago(days=6, at="02:48", zone=-8),
        "Your mail program can not show this message. Please click http://rank.bait.example/go?id=31337\n",
        designed_html("spam"),
        headers={"X-Spam-Flag": "YES", "X-Spam-Score": "9.8", "X-Mailer": "MassBlaster 3000"},
    )
    return desk.done("boast", message)


def market(desk: Desk) -> Letter:
    """A stall at a market, with the day for the calendar."""
    sent = desk.ago(days=8, at="16:00", zone=7)
    day = coming(SUNDAY, sent.date(), 2)
    start = datetime(day.year, day.month, day.day, 8, tzinfo=sent.tzinfo)
    message = desk.letter(
        "market",
        "Pasar Seni Kotagede <panitia@pasar-seni.example>",
        f"Undangan: Pasar Seni, {written(day, 'id')}",
        sent,
        prose(f"""
            Halo Toko Kertas,

            lapak nomor 17 sudah kami siapkan untuk {written(day, "id")}, pukul 08.00 sampai 15.00 WIB. Meja
            dan tikar dari kami, payung tolong bawa sendiri karena sekarang musim hujan.

            Mohon konfirmasi lewat undangan di bawah ini.

            Panitia Pasar Seni
        """),
    )
    entry = documents.calendar_entry(
        desk.message_id("market-entry", "pasar-seni.example").strip("<>"),
        sent,
        start,
        start + timedelta(hours=7),
        {
            "SUMMARY": "Pasar Seni, lapak 17",
            "LOCATION": "Alun-alun Kotagede, Yogyakarta",
            "DESCRIPTION": "Bongkar muat mulai pukul 06.30.\nBawa payung.",
            "ORGANIZER": "Pasar Seni Kotagede <panitia@pasar-seni.example>",
        },
        desk.address,
    )
    message.add_alternative(entry, subtype="calendar", params={"method": "REQUEST"})
    return desk.done("market", message)


def artwork(desk: Desk) -> Letter:
    """Files for the printer in one archive."""
    sent = desk.ago(days=11, at="23:58", zone=7)
    message = desk.letter(
        "artwork",
        "Bayu Nugroho <bayu@gambar-bayu.example>",
        "Gambar sampul seri gunung, versi akhir (benar-benar akhir)",
        sent,
        prose("""
            Mbak,

            ini berkasnya dalam satu zip: dua gambar sampul, satu tampilan rak untuk situs, dan catatan warna.
            Yang berubah dari versi kemarin cuma garis gunung keempat, sekarang lebih pelan turunnya.

            Tolong jangan tanya kenapa nama berkasnya "akhir-2". Itu sejarah panjang.

            Bayu
        """),
    )
    notes = "Warna seri gunung\r\n\r\nnila     #22 4a 68\r\nkunyit   #ce a0 48\r\ndaun     #48 68 4c\r\n"
    files = {
        "sampul/gunung-fajar-akhir-2.png": pictures.hills(560, 800),
        "sampul/gunung-lebar.png": pictures.hills(800, 300),
        "situs/rak.png": pictures.shelf(),
        "catatan-warna.txt": notes.encode(),
    }
    packed = documents.archive(files, sent)
    message.add_attachment(packed, "application", "zip", filename="sampul-gunung-akhir-2.zip")
    return desk.done("artwork", message)


def payout(desk: Desk) -> Letter:
    """The month's sales as a table."""
    sent = desk.ago(days=13, at="04:00", zone=7)
    sold = month_before(sent.date())
    prices = {"A5 nila": 18.00, "A5 kunyit": 18.00, "A6 daun": 12.00, "Kertas kado": 4.50}
    rows: list[tuple[object, ...]] = [("Tanggal", "Pesanan", "Barang", "Jumlah", "USD")]
    for number in range(14):
        item = list(prices)[number * 3 % 4]
        count = number * 5 % 4 + 1
        day = f"{sold:%Y-%m}-{number * 2 + 1:02d}"
        rows.append((day, 1017 + number, item, count, f"{prices[item] * count:.2f}"))
    name = month(sold, "id")
    message = desk.letter(
        "payout",
        "Lapak <laporan@lapak.example>",
        f"Laporan penjualan {name} dan pembayaran",
        sent,
        prose(f"""
            Halo Toko Kertas,

            laporan penjualan bulan {name} terlampir sebagai tabel: 14 pesanan. Pembayaran akan masuk dalam
            tiga hari kerja, setelah dipotong biaya layanan.

            Lapak
        """),
    )
    message.add_attachment(documents.table(rows), "text", "csv", filename=f"penjualan-{sold:%Y-%m}.csv")
    return desk.done("payout", message)


def press(desk: Desk) -> Letter:
    """A magazine asks for an interview."""
    message = desk.letter(
        "press",
        "Nives Furlan <nives@slow-reader.example>",
        "May we write about your notebooks?",
        desk.ago(days=16, at="14:30", zone=1),
        prose("""
            Dear people of Toko Kertas,

            I write for The Slow Reader, a small magazine for people who like paper. A reader sent us one of
            your notebooks with the words "smell it". We did, all of us, in the order of our desks.

            May I ask you a few questions for our spring issue?

            - Who makes the paper, and who sews?
            - Why does the first page of each notebook carry a number?
            - What do you write in yours?

            We do not take advertisements and we do not hurry. Any day that suits you is fine.

            With kind regards,
            |Nives Furlan
        """),
    )
    return desk.done("press", message)


def boxes(desk: Desk) -> Letter:
    """An Indonesian advertisement in loud colours."""
    sent = desk.ago(days=22, at="07:30", zone=7)
    name = month(sent.date(), "id")
    message = desk.letter(
        "boxes",
        "Kotak & Co <promo@kotak-co.example>",
        "📦 Isi 100, bayar 80: semua kotak kirim",
        sent,
        prose(f"""
            Isi 100, bayar 80 untuk semua kotak kirim, sampai akhir {name}.

            Pilih kotak: https://kotak-co.example/promo

            Berhenti berlangganan: https://kotak-co.example/berhenti
        """),
        designed_html("boxes", month=name),
        headers={"List-Unsubscribe": "<https://kotak-co.example/berhenti>", "Precedence": "bulk"},
    )
    return desk.done("boxes", message)
