"""The real thing: a letter with a file and a picture through servers that others wrote, and back into a mailbox."""

from __future__ import annotations

import email
import re
import tempfile
import uuid
from email.policy import default as independent
from pathlib import Path

import pytest
from django.utils import timezone

from accounts import tenancy
from fetching.engine import run
from fetching.protocols import open_source
from fetching.scheduler import claims
from mailbox import services
from mailbox.mime.parsing import attachment
from mailbox.models import Message
from sending import tasks
from sending.message.build import Attachment, InlineImage
from sending.outbox import outbox
from tests import factories
from tests.mailbox.letters import PNG
from tests.sending.outgoing import BOB, EVE, fresh, identity_of, in_sent, letter_of, recipients, states
from tests.sending.settled import settle
from tests.servers.real_smtp import RealServer
from tests.servers.smtp import SubmissionServer
from tests.servers.submission import Submission, is_installed
from tests.servers.tls import make_ca

pytestmark = pytest.mark.django_db

# Of the server behind Dovecot, which knows who Dovecot is.
PLAIN = ("SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")
PDF = b"%PDF-1.7\r\n" + bytes(range(256)) * 40
RECEIVED = re.compile(rb"^Received:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


def everything(account, *to: str):
    """A letter with all that can be in one: dots, two texts, a picture in the text, a file, another alphabet."""
    return letter_of(
        account,
        *to,
        subject="Tee um fünf 🍵",
        text=None,
        html='<p>Um <b>fünf</b>?</p><p>.</p><p>From here on: ümläut <img src="cid:tea@x"></p>',
        images=(InlineImage("tea@x", "tea.png", "image/png", PNG),),
        attachments=(Attachment("Rechnung für Ada.pdf", "application/pdf", PDF),),
        in_reply_to="<first@post.example>",
        references=("<first@post.example>",),
    )


def account_through(acme, alice, port: int, encryption: str, username: str, password: str):
    account = factories.connect(acme, alice, email="ada@example.org", from_name="Ada")
    settle(
        account,
        host="127.0.0.1",
        port=port,
        encryption=encryption,
        login="own",
        username=username,
        password=password,
        is_login=True,
    )
    return account


def send_all(account, *to: str):
    """Queue the letter and let the task send it, as a worker does; returns the message and its frozen bytes."""
    with tenancy.scope(account.organization_id):
        letter = everything(account, *to)
        outgoing = outbox.queue(identity_of(account), letter, key=uuid.uuid4(), due_at=timezone.now())
        raw = outbox.raw_bytes(outgoing)
    tasks.send_due(account.organization_id, account.pk)
    return outgoing, raw


def check_the_letter(raw: bytes) -> None:
    """What a parser that we did not write makes of it."""
    found = email.message_from_bytes(raw, policy=independent)
    assert found["Subject"] == "Tee um fünf 🍵"
    assert found["References"] == found["In-Reply-To"] == "<first@post.example>"
    files = {part.get_filename(): part.get_content() for part in found.walk() if part.get_filename()}
    assert files == {"tea.png": PNG, "Rechnung für Ada.pdf": PDF}
    assert "Um <b>fünf</b>?" in found.get_body(("html",)).get_content()
    assert found.defects == []


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("encryption", ["ssl", "starttls"])
def test_through_aiosmtpd(acme, alice, settings, ca, encryption):
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)
    with RealServer(encryption, ca.issue("127.0.0.1")) as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = account_through(acme, alice, server.port, encryption, server.username, server.password)
        outgoing, raw = send_all(account, BOB, "nobody@post.example")
    ((sender, to, received),) = server.accepted
    assert (sender, to) == ("ada@example.org", [BOB])
    check_the_letter(received)
    (copy,) = in_sent(account)
    with tenancy.scope(account.organization_id):
        assert services.raw_bytes(copy) == received == raw
    assert states(outgoing) == {BOB: "accepted", "nobody@post.example": "refused"}
    # Inside TLS the server's own words are shown.
    assert recipients(outgoing)["nobody@post.example"].text == "No such user"
    assert (fresh(outgoing).state, fresh(outgoing).needs_owner) == ("accepted", True)


@pytest.mark.dovecot
@pytest.mark.xdist_group("dovecot")
@pytest.mark.skipif(
    not is_installed(), reason="Dovecot's submission is not installed (apt-get install dovecot-submissiond)"
)
@pytest.mark.parametrize("encryption", ["ssl", "starttls"])
def test_through_dovecot_and_fetched_again_it_is_the_stored_copy(acme, alice, bob, settings, encryption):
    secret = "dovecot secret"
    with (
        tempfile.TemporaryDirectory(prefix="mailhub-submission-") as folder,
        SubmissionServer(sign_in=False, extensions=PLAIN) as behind,
        Submission(Path(folder), {"ada": secret, "eve": secret}, relay_port=behind.port) as server,
    ):
        settings.MAILHUB_MAIL_CA_FILE = str(server.ca_file)
        ports = {"ssl": server.tls, "starttls": server.starttls}
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [
            f"127.0.0.1:{port}" for port in (*ports.values(), server.pop3s)
        ]
        account = account_through(acme, alice, ports[encryption], encryption, "ada", secret)
        outgoing, raw = send_all(account, EVE)
        assert fresh(outgoing).state == "accepted", (fresh(outgoing).error_code, fresh(outgoing).error_text)
        behind.wait_until_idle()
        ((sender, to, relayed, _parameters),) = behind.accepted
        assert (sender, to) == ("ada@example.org", (EVE,))
        # Eve's server puts it into her mailbox, and Bob, who looks after it, collects it here.
        server.fill("eve", [relayed.replace(b"\r\n", b"\n")])
        box = factories.connect(
            acme, bob, email=EVE, username="eve", password=secret, port=server.pop3s, encryption="ssl"
        )
        claim = claims.claim_now(box.organization_id, box.pk)
        assert run.fetch(claim, open_source).stored == 1
    (copy,) = in_sent(account)
    with tenancy.scope(account.organization_id):
        received = Message.objects.get(account=box)
        whole = services.raw_bytes(received)
        assert services.raw_bytes(copy) == raw
        # Dovecot writes down where it got it from, in front, and changes nothing else.
        assert RECEIVED.sub(b"", whole) == raw
        assert attachment(whole, 1)[1] == PDF or attachment(whole, 0)[1] == PDF
    check_the_letter(whole)
    assert (received.subject, received.from_address) == ("Tee um fünf 🍵", "ada@example.org")


@pytest.mark.dovecot
@pytest.mark.xdist_group("dovecot")
@pytest.mark.skipif(
    not is_installed(), reason="Dovecot's submission is not installed (apt-get install dovecot-submissiond)"
)
def test_a_password_that_dovecot_refuses_pauses_the_outbox(acme, alice, settings):
    with (
        tempfile.TemporaryDirectory(prefix="mailhub-submission-") as folder,
        SubmissionServer(sign_in=False, extensions=PLAIN) as behind,
        Submission(Path(folder), {"ada": "right"}, relay_port=behind.port) as server,
    ):
        settings.MAILHUB_MAIL_CA_FILE = str(server.ca_file)
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [f"127.0.0.1:{server.tls}"]
        account = account_through(acme, alice, server.tls, "ssl", "ada", "wrong")
        outgoing, _ = send_all(account, EVE)
        assert (fresh(outgoing).state, fresh(outgoing).error_code) == ("queued", "sending_login_failed")
        with tenancy.scope(account.organization_id):
            server_row = account.outgoing_server
            server_row.refresh_from_db()
            assert server_row.paused_since is not None
            server_row.password = "right"
            server_row.save()
            outbox.resume(account)
        tasks.send_due(account.organization_id, account.pk)
        assert fresh(outgoing).state == "accepted"
    assert len(behind.accepted) == 1
