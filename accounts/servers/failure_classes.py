"""What a failure of a mail server means for the account, and how one is described."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class ErrorClass(StrEnum):
    """What a failure means for the account; the scheduler and the badges go by this, never by the code."""

    CONNECTION = "connection"
    AUTHENTICATION = "authentication"
    CERTIFICATE = "certificate"
    BUSY = "busy"
    DELAY = "delay"
    CONFIG = "config"
    QUOTA = "quota"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of the table.

    `permanent` means that trying again cannot help until a person changes something. `sentence` says what is
    so and `remedy` what to do; both are lazy translations and hold wherever they are shown, in the connection
    test as well as on the card of an account that has worked for years.
    """

    error_class: ErrorClass
    permanent: bool
    sentence: _StrPromise
    remedy: _StrPromise


def temporary(error_class: ErrorClass, sentence: _StrPromise, remedy: _StrPromise) -> Failure:
    """A row for what passes by itself."""
    return Failure(error_class, False, sentence, remedy)


def permanent(error_class: ErrorClass, sentence: _StrPromise, remedy: _StrPromise) -> Failure:
    """A row for what a person has to change."""
    return Failure(error_class, True, sentence, remedy)
