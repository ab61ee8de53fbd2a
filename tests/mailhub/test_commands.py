"""Operators' commands: one JSON object, an error that has a class and words, an exit code, and never a password."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import tenancy
from accounts.models import MailAccount, Membership, Organization, Role, User
from fetching.models import FetchState
from tests import factories
from tests.servers.pop3 import MailboxServer

ROOT = Path(__file__).resolve().parents[2]
USERNAME, PASSWORD = "ada@example.org", "correct horse"
# What mbox has to guard: lines that look like its own separators, quoted ones, dots, other bytes, no last line end.
LETTERS = [
    factories.letter("Plain"),
    factories.letter("Separators", body="From here on\r\n>From there\r\n>>From nowhere\r\nfrom below\r\n"),
    factories.letter("Dots", body=".\r\n..\r\n.hidden\r\n"),
    factories.letter("Bytes", body="").rstrip() + b"\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
    factories.letter("Open end", body="no line end"),
]
OTHER_FOLDER = factories.letter("Thrown away", body="From the bin\r\n")


# In a process of its own, because our app has the name of the standard library's module.
READ_MBOX = """
import base64, json, mailbox, sys
box = mailbox.mbox(sys.argv[1], create=False)
print(json.dumps([base64.b64encode(box.get_bytes(key)).decode() for key in box.keys()]))
"""


def read_mbox(path: Path) -> list[bytes]:
    """The messages as the standard library finds them."""
    command = [sys.executable, "-I", "-c", READ_MBOX, str(path)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=60, check=True)
    return [base64.b64decode(raw) for raw in json.loads(done.stdout)]


@pytest.fixture
def server():
    with MailboxServer(LETTERS, username=USERNAME, password=PASSWORD) as running:
        yield running


def run(name: str, *arguments: str, typed: str = "", monkeypatch: pytest.MonkeyPatch | None = None) -> dict:
    """The answer of a command in this process."""
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return json.loads(out.getvalue())


def refused(name: str, *arguments: str, **more) -> dict:
    """The error object of a command that must fail, here and at the shell alike."""
    out = io.StringIO()
    if monkeypatch := more.get("monkeypatch"):
        monkeypatch.setattr("sys.stdin", io.StringIO(more.get("typed", "")))
    with pytest.raises(CommandError) as caught:
        call_command(name, *arguments, stdout=out)
    assert caught.value.returncode == 1
    assert PASSWORD not in out.getvalue() + str(caught.value)
    answer = json.loads(out.getvalue())
    assert set(answer["error"]) == {"class", "message"}
    return answer["error"]


def connection_words(server: MailboxServer, **changes: str) -> list[str]:
    words = {
        "organization": "acme",
        "owner": "alice@acme.example",
        "email": "ada@example.org",
        "host": server.host,
        "port": str(server.port),
        "encryption": "plain",
        "username": USERNAME,
    } | changes
    return [word for name, value in words.items() for word in (f"--{name}", value)] + ["--password-stdin"]


@pytest.fixture
def connected(acme, server, settings, monkeypatch) -> int:
    """The id of an account that was added by the command."""
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
    answer = run(
        "add_mail_account", *connection_words(server), typed=f"{PASSWORD}\n", monkeypatch=monkeypatch
    )
    return answer["id"]


class TestCreateOrganization:
    def test_a_new_owner_is_made_and_can_sign_in(self, db, monkeypatch, client):
        words = ("Toko Nadia", "--owner", "Nadia@Toko.example", "--owner-name", "Nadia Putri")
        answer = run(
            "create_organization",
            *words,
            "--password-stdin",
            typed=f"{PASSWORD}\r\n",
            monkeypatch=monkeypatch,
        )
        organization = Organization.objects.get()
        assert answer == {
            "id": organization.pk,
            "slug": "toko-nadia",
            "owner": "nadia@toko.example",
            "owner_created": True,
        }
        owner = User.objects.get()
        assert (owner.name, owner.check_password(PASSWORD)) == ("Nadia Putri", True)
        form = {"login": "nadia@toko.example", "password": PASSWORD}
        assert client.post("/accounts/login/", form).status_code == 302, "the address needs no confirmation"
        with tenancy.scope(organization.pk):
            assert Membership.objects.get().role == Role.OWNER

    def test_a_person_who_is_known_founds_another_one(self, acme, alice):
        answer = run("create_organization", "Second", "--owner", alice.email, "--plan", "pro")
        assert answer["owner_created"] is False
        assert User.objects.filter(email=alice.email).count() == 1
        assert Organization.objects.get(pk=answer["id"]).member_limit == 500

    def test_without_a_password_the_owner_sets_one_by_mail(self, db):
        run("create_organization", "Quiet", "--owner", "nadia@toko.example")
        assert not User.objects.get().has_usable_password()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("Toko", "--owner", "nobody"), "valid email"),
            (("  ", "--owner", "nadia@toko.example"), "name is empty"),
            (("Toko", "--owner", "nadia@toko.example", "--plan", "gold"), "There is no plan 'gold'"),
        ],
    )
    def test_wrong_input_changes_nothing(self, db, words, message):
        error = refused("create_organization", *words)
        assert error["class"] == "input"
        assert message in error["message"]
        assert not Organization.objects.exists()
        assert not User.objects.exists()

    @pytest.mark.parametrize(("typed", "message"), [("12345678\n", "password"), ("\n", "empty")])
    def test_a_weak_or_missing_password_changes_nothing(self, db, monkeypatch, typed, message):
        words = ("Toko", "--owner", "nadia@toko.example", "--password-stdin")
        error = refused("create_organization", *words, typed=typed, monkeypatch=monkeypatch)
        assert error["class"] == "input"
        assert message in error["message"]
        assert not User.objects.exists()


class TestAddMailAccount:
    def test_it_is_tested_and_kept_encrypted(self, acme, alice, server, connected):
        with tenancy.scope(acme.pk):
            account = MailAccount.objects.get(pk=connected)
        assert (account.owner, account.email, account.name) == (alice, "ada@example.org", "ada@example.org")
        assert account.password == PASSWORD
        with connection.cursor() as cursor, tenancy.system():
            cursor.execute("SELECT mail_account::text FROM accounts_mailaccount mail_account")
            assert PASSWORD not in cursor.fetchone()[0]
        assert server.counters["sign_ins"] == 1
        assert server.counters["retrieved"] == 0

    def test_what_waits_there_is_counted(self, acme, server, settings, monkeypatch):
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        answer = run("add_mail_account", *connection_words(server), typed=PASSWORD, monkeypatch=monkeypatch)
        assert set(answer) == {"id", "email", "messages", "bytes"}
        assert (answer["messages"], answer["bytes"]) == (len(LETTERS), sum(map(len, LETTERS)))

    @pytest.mark.parametrize("deletes", [True, False])
    def test_u3_a_server_without_uidl_will_do_where_mail_is_deleted(
        self, acme, server, settings, monkeypatch, deletes
    ):
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        server.uidl, server.capabilities, server.capabilities_after = False, ["USER"], ["USER"]
        words = connection_words(server)
        if deletes:
            answer = run(
                "add_mail_account", *words, "--delete-from-server", typed=PASSWORD, monkeypatch=monkeypatch
            )
            assert run("fetch", str(answer["id"]), "--until-drained")["deleted"] == len(LETTERS)
            assert server.messages == []
        else:
            error = refused("add_mail_account", *words, typed=PASSWORD, monkeypatch=monkeypatch)
            assert error["class"] == "config"

    @pytest.mark.parametrize(
        ("changes", "typed", "kind", "message"),
        [
            ({}, "not it", "authentication", "authentication_failed"),
            ({}, "", "input", "empty"),
            ({"port": "8080"}, PASSWORD, "config", "port_not_allowed"),
            ({"host": "mail"}, PASSWORD, "config", "host_invalid"),
            ({"organization": "umbrella"}, PASSWORD, "not_found", "no organization 'umbrella'"),
            ({"owner": "charlie@umbrella.example"}, PASSWORD, "not_found", "is not a member of acme"),
            ({"email": "nobody"}, PASSWORD, "input", "valid email"),
        ],
    )
    def test_nothing_is_saved_when_anything_is_wrong(
        self, acme, charlie, server, settings, monkeypatch, changes, typed, kind, message
    ):
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        words = connection_words(server, **changes)
        error = refused("add_mail_account", *words, typed=f"{typed}\n", monkeypatch=monkeypatch)
        assert error["class"] == kind
        assert message in error["message"]
        assert "not it" not in error["message"]
        with tenancy.system():
            assert not MailAccount.objects.exists()

    def test_a_full_plan_is_a_limit(self, acme, server, connected, settings, monkeypatch):
        Organization.objects.update(mail_account_limit=1)
        words = connection_words(server, email="second@example.org", username=USERNAME)
        error = refused("add_mail_account", *words, typed=PASSWORD, monkeypatch=monkeypatch)
        assert error == {"class": "limit", "message": "The plan allows 1."}


class TestFetch:
    def test_the_sums_of_a_fetch(self, connected):
        answer = run("fetch", str(connected), "--until-drained")
        assert answer.pop("seconds") > 0
        size = sum(map(len, LETTERS)) + 2  # the last one has no line end of its own; POP3 gives it one
        assert answer == {
            "listed": len(LETTERS),
            "stored": len(LETTERS),
            "bytes": size,
            "deleted": 0,
            "state": "done",
            "error": None,
        }

    def test_an_error_of_the_server_is_the_answers_error(self, connected, server):
        server.faults.err_on["PASS"] = server.faults.err_on["AUTH"] = "-ERR [AUTH] no"
        out = io.StringIO()
        with pytest.raises(CommandError) as caught:
            call_command("fetch", str(connected), stdout=out)
        assert caught.value.returncode == 1
        answer = json.loads(out.getvalue())
        assert (answer["state"], answer["stored"]) == ("failed", 0)
        assert answer["error"]["class"] == "authentication"
        assert answer["error"]["message"].startswith("authentication_failed: ")
        assert PASSWORD not in out.getvalue()

    def test_an_account_that_is_paused_is_not_fetched(self, acme, connected, server):
        from fetching.models import FetchState
        from fetching.scheduler import claims

        with tenancy.scope(acme.pk):
            claims.pause(FetchState.objects.get())
        sessions = server.counters["sessions"]
        assert refused("fetch", str(connected))["class"] == "busy"
        assert server.counters["sessions"] == sessions

    @pytest.mark.parametrize("name", ["fetch", "account_status"])
    def test_there_is_no_such_account(self, db, name):
        assert refused(name, "4711") == {"class": "not_found", "message": "There is no mail account 4711."}


class TestAccountStatus:
    def test_before_and_after_a_fetch(self, acme, connected, server):
        before = run("account_status", str(connected))
        assert set(before) == {
            *("id", "organization", "owner", "email", "server", "state", "fetching", "error", "failures"),
            *("last_success", "next_run", "stored", "remote", "storage"),
        }
        assert before["server"] == f"{server.host}:{server.port} plain"
        assert (before["state"], before["fetching"], before["last_success"]) == ("active", False, None)
        assert before["stored"] == {"messages": 0, "unread": 0, "bytes": 0}
        size = run("fetch", str(connected))["bytes"]
        after = run("account_status", str(connected))
        assert after["stored"] == {"messages": len(LETTERS), "unread": len(LETTERS), "bytes": size}
        assert after["remote"] == {"stored": len(LETTERS)}
        assert after["storage"]["used"] == after["storage"]["ledger"] == size
        assert datetime.fromisoformat(after["last_success"]).utcoffset().total_seconds() == 0
        assert PASSWORD not in json.dumps(after)

    def test_an_account_in_error_is_an_answer(self, acme, connected):
        with tenancy.scope(acme.pk):
            FetchState.objects.filter(account=connected).update(error_code="bad_password", status="failing")
        assert run("account_status", str(connected))["error"] == "bad_password"


class TestExport:
    @pytest.fixture
    def filled(self, acme, connected) -> int:
        run("fetch", str(connected))
        with tenancy.scope(acme.pk):
            account = MailAccount.objects.get(pk=connected)
        factories.deliver(account, OTHER_FOLDER, role="trash")
        return connected

    def test_eml_files_hold_what_the_server_sent(self, filled, tmp_path):
        answer = run("export_mailbox", str(filled), "--format", "eml", "--output", str(tmp_path / "a" / "b"))
        # The newest came first when it was fetched, and the files go by when a message came.
        files = sorted((tmp_path / "a" / "b").iterdir(), key=lambda path: int(path.stem))
        written = [path.read_bytes() for path in files]
        assert written == [*[*LETTERS[:-1], LETTERS[-1] + b"\r\n"][::-1], OTHER_FOLDER]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
        assert answer == {
            "messages": len(written),
            "bytes": sum(map(len, written)),
            "output": str(tmp_path / "a" / "b"),
        }

    def test_an_mbox_is_read_by_others_and_gives_everything_back(self, filled, tmp_path):
        run("export_mailbox", str(filled), "--format", "mbox", "--output", str(tmp_path))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox.mbox", "trash.mbox"]
        for name, letters in (("inbox", LETTERS), ("trash", [OTHER_FOLDER])):
            # An mbox ends each message with an empty line, and in mboxrd every quoted separator has one more ">".
            read = [re.sub(rb"(?m)^>(>*From )", rb"\1", raw) for raw in read_mbox(tmp_path / f"{name}.mbox")]
            assert [raw.rstrip(b"\n") for raw in read] == [
                raw.replace(b"\r\n", b"\n").rstrip(b"\n") for raw in reversed(letters)
            ]

    def test_exporting_twice_writes_the_same_and_not_twice(self, filled, tmp_path):
        words = ("export_mailbox", str(filled), "--format", "mbox", "--output", str(tmp_path))
        run(*words)
        first = (tmp_path / "inbox.mbox").read_bytes()
        run(*words)
        assert (tmp_path / "inbox.mbox").read_bytes() == first

    def test_a_folder_that_cannot_be_written_is_named(self, filled, tmp_path):
        (tmp_path / "taken").write_text("a file")
        error = refused(
            "export_mailbox", str(filled), "--format", "eml", "--output", str(tmp_path / "taken" / "x")
        )
        assert error["class"] == "output"
        assert "taken" in error["message"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestAtTheShell:
    """Real processes: what a program that calls them sees."""

    def shell(self, *words: str, typed: str = "", server: MailboxServer | None = None):
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
        environ = os.environ | {"DATABASE_URL": database.geturl()}
        if server:
            environ |= {"MAILHUB_ALLOWED_MAIL_HOSTS": server.entry}
        command = [sys.executable, "-W", "error", "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environ, input=typed, capture_output=True, text=True, timeout=120
        )
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def test_success_is_one_object_and_exit_code_0(self, acme, server):
        words = connection_words(server)
        done = self.shell("add_mail_account", *words, typed=f"{PASSWORD}\n", server=server)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["messages"] == len(LETTERS)
        assert done.stdout.count("\n") == 1

    def test_failure_is_an_error_object_and_exit_code_1(self, acme, server):
        done = self.shell("add_mail_account", *connection_words(server), typed="not it\n", server=server)
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["class"] == "authentication"
        assert "not it" not in done.stdout + done.stderr
        assert done.stderr == ""

    def test_wrong_arguments_are_an_error_object_and_exit_code_2(self, db):
        done = self.shell("fetch", "everything")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["class"] == "usage"
        assert done.stderr == ""
