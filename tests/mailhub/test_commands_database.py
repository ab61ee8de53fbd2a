"""Operators' commands when the database is lost, or not migrated: an error object, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from django.db import DataError, OperationalError, ProgrammingError

from tests.mailhub.test_commands import ROOT, refused


class TestWithoutADatabase:
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OperationalError("connection refused\nDETAIL: secret"), "does not answer"),
            (
                ProgrammingError('relation "accounts_mailaccount" does not exist\nLINE 1: SELECT secret'),
                "migrate",
            ),
            (DataError("out of range\nDETAIL: secret"), "refused: out of range"),
        ],
    )
    def test_what_the_database_says_is_an_error_object(self, db, monkeypatch, error, words):
        def lost(account: int) -> None:
            raise error

        monkeypatch.setattr("mailhub.management.commands.account_status.find_account", lost)
        answer = refused("account_status", "1")
        assert answer["class"] == "database"
        assert words in answer["message"]
        assert "secret" not in answer["message"]

    @pytest.mark.slow
    def test_at_the_shell_there_is_no_traceback(self):
        """The database of the tests' own home was never migrated: they use copies of it."""
        done = subprocess.run(
            [sys.executable, "manage.py", "account_status", "1"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["class"] == "database"
        assert "migrate" in done.stdout
        assert not done.stderr
