"""The real thing: operators' commands fetch seeded mail from Dovecot over each kind of connection."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts import tenancy
from accounts.models import MailAccount
from quotas.models import StorageMeter
from quotas.services import ledger_total
from tests.servers import dovecot, seeding

pytestmark = [
    pytest.mark.dovecot,
    pytest.mark.skipif(
        dovecot.binary() is None, reason="Dovecot is not installed (apt-get install dovecot-pop3d)"
    ),
    pytest.mark.xdist_group("dovecot"),
]

USER, PASSWORD = "box", "dovecot secret"
MAIL = list(seeding.mailbox(150))
SUMS = sorted(hashlib.sha256(raw.replace(b"\n", b"\r\n")).hexdigest() for raw in MAIL)


@pytest.fixture(scope="module")
def server():
    # Not pytest's folder, which is its owner's alone: Dovecot's processes are other users when root starts it.
    with (
        tempfile.TemporaryDirectory(prefix="mailhub-dovecot-") as name,
        dovecot.Dovecot(Path(name), {USER: PASSWORD, "drop": PASSWORD}) as running,
    ):
        running.fill(USER, MAIL)
        running.fill("drop", MAIL[:30])
        yield running


@pytest.fixture
def reachable(settings, server):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = [f"{server.host}:{server.pop3}", f"{server.host}:{server.pop3s}"]
    settings.MAILHUB_MAIL_CA_FILE = str(server.ca_file)
    return server


def run(name: str, *arguments: str) -> dict:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return json.loads(out.getvalue())


def add(
    organization, server, encryption: str, monkeypatch, *, user: str = USER, password: str = PASSWORD, more=()
) -> dict:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    port = server.pop3s if encryption == "ssl" else server.pop3
    words = f"--organization {organization.slug} --owner alice@acme.example --email box@mail.example"
    words += f" --host {server.host}"
    words += f" --port {port} --encryption {encryption} --username {user} --password-stdin"
    return run("add_mail_account", *words.split(), *more)


@pytest.mark.parametrize("encryption", ["ssl", "starttls", "plain"])
def test_all_mail_comes_once_and_as_it_was(acme, reachable, monkeypatch, tmp_path, encryption):
    added = add(acme, reachable, encryption, monkeypatch)
    assert added["messages"] == len(MAIL)
    outcome = run("fetch", str(added["id"]), "--until-drained")
    assert (outcome["listed"], outcome["stored"], outcome["state"], outcome["error"]) == (
        150,
        150,
        "done",
        None,
    )
    assert outcome["bytes"] == added["bytes"] == sum(len(raw) + raw.count(b"\n") for raw in MAIL)

    exported = run("export_mailbox", str(added["id"]), "--format", "eml", "--output", str(tmp_path / "eml"))
    assert exported["messages"] == 150
    files = list(Path(tmp_path / "eml").glob("*.eml"))
    assert sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files) == SUMS

    assert run("fetch", str(added["id"]))["stored"] == 0
    status = run("account_status", str(added["id"]))
    assert status["remote"] == {"stored": 150}
    assert (
        status["stored"]["bytes"]
        == status["storage"]["used"]
        == status["storage"]["ledger"]
        == outcome["bytes"]
    )
    with tenancy.scope(acme.pk):
        assert StorageMeter.objects.get().used == ledger_total(acme.pk) == outcome["bytes"]


def test_deleting_empties_the_server_only_after_storing(acme, reachable, monkeypatch):
    added = add(acme, reachable, "ssl", monkeypatch, user="drop", more=["--delete-from-server"])
    outcome = run("fetch", str(added["id"]), "--until-drained")
    assert (outcome["stored"], outcome["deleted"]) == (30, 30)
    again = run("fetch", str(added["id"]))
    assert (again["listed"], again["stored"]) == (0, 0)
    assert run("account_status", str(added["id"]))["remote"] == {"gone": 30}


def test_a_wrong_password_saves_nothing(acme, reachable, monkeypatch):
    with pytest.raises(CommandError) as caught:
        add(acme, reachable, "ssl", monkeypatch, password="not it")
    assert "authentication_failed" in str(caught.value)
    assert "not it" not in str(caught.value)
    with tenancy.scope(acme.pk):
        assert not MailAccount.objects.exists()


def test_a_server_whose_authority_is_unknown_is_refused(acme, reachable, settings, monkeypatch):
    settings.MAILHUB_MAIL_CA_FILE = ""
    with pytest.raises(CommandError, match="certificate"):
        add(acme, reachable, "ssl", monkeypatch)
