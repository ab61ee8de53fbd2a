"""Names that people give to folders and labels: what is a name, and which one is still free."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from django.utils.translation import gettext as _

# Joiners belong to Persian and to emoji. Other format characters are never seen, so two names could look alike.
_JOINERS = "\u200c\u200d"
# Control, format, half a character, line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Refused(ValueError):
    """A folder or label cannot be as it was asked for; `sentence` says why and what to do."""

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        raise NotImplementedError


class Blank(Refused):
    """Nothing but white space."""

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return _("The name is empty. Type a name.")


class Unprintable(Refused):
    """It holds a line break, NUL or another character that nobody sees."""

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return _("The name holds a character that cannot be shown. Type it again, on one line.")


class TooLong(Refused):
    """More characters than there is room for."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return _("The name is longer than %(limit)s characters. Shorten it.") % {"limit": self.limit}


class Taken(Refused):
    """Another one of this account has the name, perhaps with capital letters elsewhere."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return _("“%(name)s” is there already. Choose another name.") % {"name": self.name}


class Reserved(Refused):
    """Every account has a folder of that name, in this language or another one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return _("“%(name)s” is a folder that every account has. Choose another name.") % {"name": self.name}


class TooMany(Refused):
    """The account is full of them: menus and the side panel show each one."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return _("This account has %(limit)s of them, which is the most. Delete one first.") % {
            "limit": self.limit
        }


def clean(text: str, limit: int) -> str:
    """The name as it is kept: composed, single spaces. Raises Blank, Unprintable, TooLong."""
    if any(unicodedata.category(each) in _UNPRINTABLE and each not in _JOINERS for each in text):
        raise Unprintable
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name.strip(_JOINERS + " "):
        raise Blank
    if len(name) > limit:
        raise TooLong(limit)
    return name


def folded(name: str) -> str:
    """What two names that a person takes for the same have in common."""
    return unicodedata.normalize("NFKC", name).casefold()


def check_free(name: str, others: Iterable[str]) -> None:
    """Raises Taken when one of the others is the same name to a person."""
    wanted = folded(name)
    for other in others:
        if folded(other) == wanted:
            raise Taken(other)
