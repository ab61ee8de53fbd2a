"""Servers that Debian packages besides Dovecot: all mail comes once and as it was, and is deleted only then."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts import tenancy
from accounts.models import MailAccount
from fetching.models import FetchState
from tests.servers import seeding
from tests.servers.courier import Courier
from tests.servers.mailutils import Mailutils
from tests.servers.popa3d import Popa3d

USER, PASSWORD = "box", "a real secret"
MAIL = list(seeding.mailbox(200, seed="real"))
SUMS = sorted(hashlib.sha256(raw.replace(b"\n", b"\r\n")).hexdigest() for raw in MAIL)
SERVERS = (Courier, Popa3d, Mailutils)
WAYS = [(kind, encryption) for kind in SERVERS for encryption in kind.encryptions]


def named(value) -> str:
    return value if isinstance(value, str) else value.__name__


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Each kind started when it is first asked for; a kind that is absent skips the test."""
    running = {}

    def start(kind):
        if not kind.is_installed():
            pytest.skip(f"{kind.package} is not unpacked here, or this is not root (make setup as root)")
        if kind not in running:
            server = kind(tmp_path_factory.mktemp(kind.package), {USER: PASSWORD, "drop": PASSWORD})
            if kind is Mailutils:
                server.apop_users = (USER, "drop")
            running[kind] = server.__enter__()
            server.fill(USER, MAIL)
        return running[kind]

    yield start
    for server in running.values():
        server.__exit__(None, None, None)


def without(names: tuple[bytes, ...], letter: bytes) -> bytes:
    """The letter without what the server has put into its header."""
    header, blank, body = letter.partition(b"\r\n\r\n")
    lines = [line for line in header.split(b"\r\n") if line.partition(b":")[0] not in names]
    return b"\r\n".join(lines) + blank + body


def run(name: str, *arguments: str) -> dict:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return json.loads(out.getvalue())


def add(settings, monkeypatch, organization, server, encryption, *more, user=USER, password=PASSWORD) -> dict:
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
    settings.MAILHUB_MAIL_CA_FILE = str(server.ca_file)
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    words = f"--organization {organization.slug} --owner alice@acme.example --email box@mail.example"
    words += f" --host {server.host} --port {server.port} --encryption {encryption}"
    words += f" --username {user} --password-stdin"
    return run("add_mail_account", *words.split(), *more)


@pytest.mark.parametrize(("kind", "encryption"), WAYS, ids=named)
def test_two_hundred_letters_come_once_and_byte_for_byte(
    acme, servers, settings, monkeypatch, tmp_path, kind, encryption
):
    server = servers(kind)
    added = add(settings, monkeypatch, acme, server, encryption)
    assert added["messages"] == len(MAIL)
    outcome = run("fetch", str(added["id"]), "--until-drained")
    assert (outcome["stored"], outcome["state"], outcome["error"]) == (200, "done", None)
    run("export_mailbox", str(added["id"]), "--format", "eml", "--output", str(tmp_path / "eml"))
    letters = [without(server.adds, path.read_bytes()) for path in Path(tmp_path / "eml").glob("*.eml")]
    assert sorted(hashlib.sha256(letter).hexdigest() for letter in letters) == SUMS
    with tenancy.system():
        FetchState.objects.update(not_before=None)  # one of them wants a pause of ten seconds
    # One of them has meanwhile written to each header that it was read, so that all sizes are others.
    again = run("fetch", str(added["id"]))
    assert (again["listed"], again["stored"], again["error"]) == (200, 0, None)
    assert run("account_status", str(added["id"]))["remote"] == {"stored": 200}
    assert server.count(USER) == 200


@pytest.mark.parametrize(("kind", "encryption"), WAYS, ids=named)
def test_deleting_empties_the_server_only_after_storing(
    acme, servers, settings, monkeypatch, kind, encryption
):
    server = servers(kind)
    server.fill("drop", MAIL[:30])
    added = add(settings, monkeypatch, acme, server, encryption, "--delete-from-server", user="drop")
    outcome = run("fetch", str(added["id"]), "--until-drained")
    assert (outcome["stored"], outcome["error"]) == (30, None)
    # Deletes that the server did not confirm are asked for again by the next session (R3); Courier was seen to
    # confirm none at once on a busy machine.
    for _ in range(3):
        if server.count("drop"):
            assert run("fetch", str(added["id"]), "--until-drained")["stored"] == 0, "nothing comes twice"
    assert server.count("drop") == 0


@pytest.mark.parametrize(("kind", "encryption"), WAYS, ids=named)
def test_u1_an_empty_mailbox_is_no_error(acme, servers, settings, monkeypatch, kind, encryption):
    server = servers(kind)
    server.fill("drop", ())
    added = add(settings, monkeypatch, acme, server, encryption, user="drop")
    assert added["messages"] == 0
    outcome = run("fetch", str(added["id"]))
    assert (outcome["listed"], outcome["state"], outcome["error"]) == (0, "done", None)


@pytest.mark.parametrize(("kind", "encryption"), WAYS, ids=named)
def test_a1_a_wrong_password_saves_nothing(acme, servers, settings, monkeypatch, kind, encryption):
    server = servers(kind)
    with pytest.raises(CommandError, match="authentication_"):
        add(settings, monkeypatch, acme, server, encryption, password="not it")
    with tenancy.scope(acme.pk):
        assert not MailAccount.objects.exists()
