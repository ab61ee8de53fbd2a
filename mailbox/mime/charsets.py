"""Bytes of mail into text: which charset to believe, and what to do when none of them is true."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

# Labels that mail carries and Python does not know, or knows by too narrow a name. A label here means what
# its senders meant: who says ISO-8859-1 writes Windows-1252, who says GB2312 writes GB18030. "" means: guess.
ALIASES = {
    "ascii": "",
    "us-ascii": "",
    "iso646-us": "",
    "unicode": "",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "ansi": "cp1252",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-9": "cp1254",
    "iso8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "cp950",
    "x-x-big5": "cp950",
    "cn-big5": "cp950",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-2-0-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "macintosh": "mac-roman",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
}

# Only these may decode mail. Python's registry also answers to unicode_escape, idna, punycode and others that
# are no charsets of mail, and some of those take quadratic time on hostile input.
_TRUSTED = re.compile(
    r"utf-(?:7|8|8-sig|16|16-le|16-be|32|32-le|32-be)|cp\d{3,5}|iso8859-\d{1,2}|mac-\w+|koi8-[rtu]|kz1048|ptcp154"
    r"|iso2022_(?:jp|kr)(?:_\w+)?|euc_(?:jp|jis_2004)|shift_jis(?:_2004|x0213)|gb18030|hz|big5hkscs|johab|hp-roman8"
)
# Seven-bit encodings with a state: their bytes are also valid UTF-8, which must not be tried after them.
_STATEFUL = ("utf-7", "iso2022", "hz")
_WIDE = ("utf-16", "utf-32")
_MULTIBYTE = ("cp932", "cp949", "cp950", "gb18030", "euc_", "big5", "shift_jis", "johab", *_WIDE)
_LABEL = re.compile(r"[a-z0-9_.:+-]{1,40}")
_FAMILY_AND_NUMBER = re.compile(r"(?:x-)?(cp|windows|ibm|iso|utf)[-_ ]?(\d.*)")
_SURROGATES = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=512)
def codec_for(label: str) -> str:
    """The Python codec that a charset label in a mail means, or "" when it means none that we trust."""
    name = label.strip().strip("'\"").lower()
    if not _LABEL.fullmatch(name):
        return ""
    for spelling in (name, name.removeprefix("x-"), _FAMILY_AND_NUMBER.sub(r"\1-\2", name)):
        if spelling in ALIASES:
            return ALIASES[spelling]
        for known in (spelling, spelling.replace("cp-", "cp"), spelling.replace("windows-", "cp")):
            try:
                found = codecs.lookup(known).name
            except LookupError:
                continue
            found = ALIASES.get(found, found)
            if _TRUSTED.fullmatch(found):
                return found
    return ""


def safe(text: str) -> str:
    """The text without what PostgreSQL refuses: NUL and lone surrogates (fault M3)."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def to_text(data: bytes, label: str = "", *, is_cut: bool = False) -> str:
    """
    Decode `data`: by the declared charset, else as strict UTF-8, else as Windows-1252 with replacement
    characters.

    `is_cut` says that the data ends at an arbitrary byte, so that half a character there is no evidence
    against a charset. Never raises; the result is safe for PostgreSQL.
    """
    codec = codec_for(label) if label else ""
    stateful = codec.startswith(_STATEFUL) if codec else False
    if not stateful and not codec.startswith(_WIDE) and data.isascii():
        return safe(data.decode("ascii"))
    for candidate in (codec, "" if stateful else "utf-8"):
        text = _strictly(data, candidate, is_cut) if candidate else None
        if text is not None:
            return safe(text)
    return safe(_loosely(data, codec))


def _strictly(data: bytes, codec: str, is_cut: bool) -> str | None:
    try:
        if is_cut:
            return codecs.getincrementaldecoder(codec)("strict").decode(data, False)
        return data.decode(codec)
    except ValueError:  # UnicodeError is one
        return None


def _loosely(data: bytes, codec: str) -> str:
    """Keep a codec that nearly fits: one broken character must not turn Chinese into Western noise."""
    if codec.startswith(_STATEFUL):
        return data.decode(codec, "replace")
    if codec.startswith(_MULTIBYTE):
        text = data.decode(codec, "replace")
        if text.count("\ufffd") * 50 <= len(text):
            return text
    return data.decode("cp1252", "replace")
