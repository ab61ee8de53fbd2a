"""Operators' commands speak JSON: one object on stdout, or {"error": {"class", "message"}} and an exit code."""

from __future__ import annotations

import getpass
import json
import sys
from abc import abstractmethod
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError

from accounts.servers.failures import MailError
from accounts.services import LimitReached


class Refused(Exception):
    """The command cannot do that; `kind` is the error's class for programs, the message is for people."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class OperatorCommand(BaseCommand):
    """A command whose `answer` returns the object to print."""

    requires_system_checks: list[str] = []

    @abstractmethod
    def answer(self, **options: Any) -> dict[str, Any]:
        """Do it. Raises Refused, MailError, LimitReached or ValidationError, and what the database raises.

        An "error" with a class and a message in the answer says that it was not done, and is the exit code 1.
        """

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the answer, or the error with exit code 1."""
        try:
            answer = self.answer(**options)
            self._print(answer)
            if isinstance(answer.get("error"), dict):
                self._exit(1, str(answer["error"]))
        except MailError as error:
            self._refuse(str(error.error_class), f"{error.code}: {error.sentence} {error.remedy}")
        except LimitReached as error:
            self._refuse("limit", f"The plan allows {error.limit}.")
        except ValidationError as error:
            self._refuse("input", " ".join(error.messages))
        except Refused as error:
            self._refuse(error.kind, str(error))
        except DatabaseError as error:
            self._refuse("database", _database_words(error))

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Wrong arguments are an error object too."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if not getattr(self, "_called_from_command_line", False):
            return parser

        def error(message: str) -> None:
            self._refuse("usage", message, code=2)

        parser.error = error  # type: ignore[method-assign]
        return parser

    def _print(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False))

    def _refuse(self, kind: str, message: str, code: int = 1) -> None:
        self._print({"error": {"class": kind, "message": message}})
        self._exit(code, message)

    def _exit(self, code: int, message: str) -> None:
        if getattr(self, "_called_from_command_line", False):
            sys.exit(code)
        raise CommandError(message, returncode=code)


def _database_words(error: DatabaseError) -> str:
    """What to do about it, and the first line of what the database said: the others hold statements and values."""
    said = next(iter(str(error).splitlines()), "")
    # Undefined tables and columns, or rows that only a migration makes.
    if isinstance(error, ProgrammingError):
        return f"The database is not up to date: run `manage.py migrate`. It said: {said}"
    if isinstance(error, OperationalError | InterfaceError):
        return f"The database does not answer: is it running, and is DATABASE_URL right? It said: {said}"
    return f"The database refused: {said}"


def read_password(from_stdin: bool) -> str:
    """One line from stdin, or a question to the person at the keyboard; never an argument others can see."""
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else getpass.getpass("Password: ")
    if not password:
        raise Refused("input", "The password is empty.")
    return password
