"""What mail systems write when mail did not arrive, in the languages that providers of our readers speak.

Each pattern is searched in a stranger's text of up to 100,000 characters, so none may look at anything twice.
"""

from __future__ import annotations

import re
from typing import Final


def _any_of(*patterns: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(patterns), flags)


# That something did not arrive.
FAILED: Final = _any_of(
    r"\b(?:un|non-?)deliver(?:able|ed)\b",
    r"\bnot (?:be(?:en)? )?deliver(?:ed|able)\b",
    r"\bcould(?: no|n['’])t (?:be )?(?:sent|send|deliver|reach|complete|process)",
    r"\b(?:unable|not possible|impossible) to (?:deliver|send|relay|complete)",
    r"(?:\bnot|n['’]t) able to (?:deliver|send|relay|complete)",
    r"\bdeliver\w{0,4}(?: \S{1,60}){0,8} (?:has |have )?fail(?:ed|ure|s)\b",
    r"\bfail(?:ed|ure) (?:to deliver|delivery|notice)",
    r"\bdelivery (?:failure|error|problem)",
    r"\breturn(?:ed|ing) (?:mail|message|to sender)",
    r"\bpermanent(?:ly)? (?:error|fail\w*|reject\w*)|\bfatal errors?\b",
    r"\b(?:wasn['’]t|was not|were not|has not been|hasn['’]t been) (?:delivered|sent|found)\b",
    r"\b(?:message|mail) (?:was |has been )?(?:rejected|refused|blocked|bounced)\b",
    r"\b(?:user|recipient|mailbox|address) (?:is )?(?:unknown|not found|rejected|unavailable)\b",
    r"\b(?:unknown|no such) (?:user|recipient|mailbox|address)\b",
    r"\bunzustellbar|\bnicht (?:zugestellt|zustellbar|ausgeliefert)|\bzustellung (?:ist )?fehlgeschlagen",
    r"\bnon remis|\bn['’]a pas (?:pu être|été) (?:remis|distribu|délivr)",
    r"\béchec de (?:la )?(?:remise|livraison)",
    r"\bno (?:se )?(?:ha )?p(?:uede|udo) (?:ser )?entreg|\bno entregado",
    r"\bnon recapitabile|\bnon è stato possibile (?:recapitare|consegnare)",
    r"\bnão (?:foi |é )?poss[íi]vel entregar|\bnão (?:pôde|pode) ser entregue",
    r"\bonbestelbaar|\bniet (?:worden )?(?:af|be)geleverd",
    r"\bnie (?:można|udało się|mógł) (?:być )?(?:dostarcz|doręcz)",
    r"\bне (?:было |была |может быть |удалось )?достав|\bнедостав",
    r"\btidak (?:dapat |bisa |berhasil )?(?:di|ter)?(?:kirim|antar|sampaikan)|\bgagal (?:di)?kirim",
    r"配信(?:不能|できません)|送信できません|无法(?:投递|送达)|退信|無法(?:投遞|傳遞)",
)
# That it is still being tried.
DELAYED: Final = _any_of(
    r"\bdelay(?:ed)?\b|\bdeferred\b|\bwarning message only\b|(?:\bnot|n['’]t) need to resend\b",
    r"\b(?:attempts?|tries) will continue\b|\bwill (?:continue|keep|be retr|retry|try again)",
    r"\bstill (?:being|trying)\b|\bretry for\b|\bno action is required\b|\bnot yet (?:been )?delivered\b",
    r"\bverzöger|\bnoch nicht zugestellt|\bretard|\bretras|\britard|\bzadrž|\bопозда|\bзадерж|\btertunda",
)
# That it is not tried any more, in a text that speaks of delays as well.
FINAL: Final = _any_of(
    r"\bpermanent|\bgiv(?:e|ing|en) up\b|\bgave up\b|\bexpired\b|\blong enough\b",
    r"(?:\bnot|n['’]t) (?:be )?(?:retr|try|tried|attempt)|\bno (?:further|more) (?:attempt|tries)",
    r"\btime-?out exceeded\b",
)
# That others got it.
ARRIVED: Final = _any_of(
    r"\bsuccessful(?:ly)?\b|\bwas (?:delivered|relayed|sent) to\b|\bhas been delivered\b",
)
# What came back begins here; what stands above names those whom it did not reach.
COPY: Final = _any_of(
    r"^[-=*_> \t]{0,80}(?:this is a copy of|below this line|message headers? follow|[-]{3,} ?original)",
    r"^[-=*_> \t]{0,80}(?:the )?(?:header|beginning)s? of (?:the|your) original",
    r"^[-=*_> \t]{0,80}(?:the )?(?:original|unsent|undelivered|returned) (?:message|mail)(?: headers?| follows| text)?"
    r"[-=*_:. \t]{0,80}$",
    r"^[-=*_> \t]{0,80}(?:ursprüngliche (?:nachricht|e-?mail)|diagnos\w{1,10} information for admin)",
    r"^[> \t]{0,20}(?:return-path|received|message-id|dkim-signature)[ \t]{0,20}:",
    flags=re.IGNORECASE | re.MULTILINE,
)
