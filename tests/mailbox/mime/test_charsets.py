"""Which charset to believe."""

from __future__ import annotations

import pytest

from mailbox.mime.charsets import codec_for, safe, to_text


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf8", "utf-8"),
        (" 'UTF-8' ", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("ISO_8859-1", "cp1252"),
        ("x-windows-1251", "cp1251"),
        ("windows1252", "cp1252"),
        ("windows-874", "cp874"),
        ("cp-850", "cp850"),
        ("IBM850", "cp850"),
        ("gb2312", "gb18030"),
        ("x-gbk", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("shift_jis", "cp932"),
        ("x-sjis", "cp932"),
        ("iso-8859-8-i", "iso8859-8"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        ("us-ascii", ""),
        ("unicode", ""),
        ("x-unknown", ""),
        ("", ""),
        ("utf-8\x00", ""),
        ("é", ""),
        # Python answers to these; they are no charsets of mail, and some take quadratic time.
        ("idna", ""),
        ("punycode", ""),
        ("unicode_escape", ""),
        ("raw_unicode_escape", ""),
        ("rot13", ""),
        ("zlib", ""),
        ("undefined", ""),
    ],
)
def test_m2_labels(label, codec):
    assert codec_for(label) == codec


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        (b"plain", "x-unknown", "plain"),
        ("né".encode(), "", "né"),
        ("né".encode(), "us-ascii", "né"),
        ("né".encode("cp1252"), "utf-8", "né"),
        ("né – €".encode("cp1252"), "iso-8859-1", "né – €"),
        ("né".encode("cp1252"), "x-unknown", "né"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
        (b"\x1b$B\xff\x1b(B ok", "iso-2022-jp", None),
        ("né".encode("utf-16"), "utf-16", "né"),
        ("né".encode("utf-7"), "utf-7", "né"),
        (b"~{VPND~}", "hz-gb-2312", "中文"),
        (b"\x81\x8d\x8f", "", "\ufffd\ufffd\ufffd"),
        (b"", "utf-16", ""),
    ],
)
def test_m1_m2_to_text(data, label, text):
    if text is None:
        assert to_text(data, label).endswith(" ok")
    else:
        assert to_text(data, label) == text


def test_one_broken_character_does_not_change_the_charset():
    data = ("请带好材料。" * 20).encode("gb18030") + b"\xff" + "谢谢".encode("gb18030")
    assert to_text(data, "gb2312").endswith("谢谢")


def test_a_text_cut_within_a_character_keeps_its_charset():
    assert to_text("né€".encode()[:-1], "utf-8", is_cut=True) == "né"
    assert to_text("né€".encode()[:-1], "", is_cut=True) == "né"


@pytest.mark.parametrize(
    ("text", "clean"), [("a\x00b", "ab"), ("a\ud800b", "a\ufffdb"), ("é\udfff\x00", "é\ufffd")]
)
def test_m3_what_a_database_refuses_is_gone(text, clean):
    assert safe(text) == clean
