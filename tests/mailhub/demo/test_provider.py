"""The demo provider as a whole: what it keeps, its certificate, its SMTP server, its command."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import poplib
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailhub import demo
from mailhub.demo import certificates
from tests.mailhub.demo.server import ALICE, SHOP, retrieved


class TestEnvironment:
    def test_first_call_makes_everything_and_later_ones_agree(self, tmp_path):
        first = demo.environment(tmp_path, {})
        details = demo.details(tmp_path)
        assert demo.environment(tmp_path, {}) == first
        assert first["MAILHUB_ALLOWED_MAIL_HOSTS"] == (
            f"127.0.0.1:{details.pop3s_port},127.0.0.1:{details.smtp_port}"
        )
        assert Path(first["MAILHUB_MAIL_CA_FILE"]).read_text().count("BEGIN CERTIFICATE") == 1
        assert details.pop3s_port != details.smtp_port
        assert [box.address for box in details.mailboxes] == [ALICE, SHOP]
        assert len({box.password for box in details.mailboxes}) == 2

    def test_the_home_is_read_from_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MAILHUB_HOME", str(tmp_path))
        assert demo.details() == demo.details(tmp_path)

    def test_the_operators_hosts_and_authorities_are_kept(self, tmp_path):
        theirs = tmp_path / "company.pem"
        theirs.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
        base = {
            "MAILHUB_ALLOWED_MAIL_HOSTS": "mail.company.example:1110, 10.0.0.5:995",
            "MAILHUB_MAIL_CA_FILE": str(theirs),
        }
        joined = demo.environment(tmp_path, base)
        hosts = joined["MAILHUB_ALLOWED_MAIL_HOSTS"].split(",")
        assert hosts[:2] == ["mail.company.example:1110", "10.0.0.5:995"]
        assert len(hosts) == 4
        bundle = Path(joined["MAILHUB_MAIL_CA_FILE"]).read_text()
        assert theirs.read_text() in bundle
        assert (tmp_path / "demo" / "ca.pem").read_text() in bundle
        assert demo.environment(tmp_path, joined) == joined

    def test_secrets_are_for_the_owner_alone(self, tmp_path, monkeypatch):
        demo.environment(tmp_path, {})
        folder = tmp_path / "demo"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("demo.json", "server.pem"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert all(
            box.password not in repr(demo.details(tmp_path)) for box in demo.details(tmp_path).mailboxes
        )

    def test_starts_at_the_same_time_agree(self, tmp_path):
        results: list[demo.Details] = []
        starts = [threading.Thread(target=lambda: results.append(demo.details(tmp_path))) for _ in range(4)]
        for start in starts:
            start.start()
        for start in starts:
            start.join(20)
        assert len(results) == 4
        assert len(set(results)) == 1

    def test_needs_no_django_settings(self, tmp_path):
        code = "from mailhub import demo; print(demo.environment())"
        environ = {"PATH": os.environ["PATH"], "MAILHUB_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert "MAILHUB_MAIL_CA_FILE" in done.stdout


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    """A TLS handshake in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=host),
        server.wrap_bio(there, back, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert ends[0].version() == "TLSv1.3"


class TestCertificate:
    def test_a_client_that_does_not_know_the_authority_refuses(self, provider):
        strangers = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            poplib.POP3_SSL("127.0.0.1", provider.pop3_port, context=strangers, timeout=20)

    @pytest.mark.parametrize(("host", "is_trusted"), [("127.0.0.1", True), ("127.0.0.2", False)])
    def test_the_authority_vouches_for_one_address_only(self, tmp_path, host, is_trusted):
        """Even somebody who had its key could not make a certificate for another server."""
        now = datetime.now(UTC)
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        authority = certificates._authority("127.0.0.1", keys[0], now)
        forged = certificates._certificate(host, keys[1], authority, keys[0], now)
        pem = forged.public_bytes(Encoding.PEM) + keys[1].private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        (tmp_path / "server.pem").write_bytes(pem)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(tmp_path / "server.pem")
        client = ssl.create_default_context(cadata=authority.public_bytes(Encoding.PEM).decode())
        refusal = pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation")
        with contextlib.nullcontext() if is_trusted else refusal:
            shake_hands(client, server, host)

    def test_it_passes_the_strictest_check(self, provider):
        provider.tls.verify_flags |= ssl.VERIFY_X509_STRICT
        with provider.connected() as client:
            assert client.getwelcome().startswith(b"+OK")

    def test_its_key_is_nowhere(self, provider):
        authority = (provider.home / "demo" / "ca.pem").read_text()
        assert "PRIVATE KEY" not in authority
        assert sum("PRIVATE KEY" in path.read_text() for path in (provider.home / "demo").glob("*.pem")) == 1


class TestSmtp:
    def test_home_mail_is_delivered_and_other_mail_kept(self, provider):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = (
            ALICE,
            f"{SHOP}, marta@lindqvist.example",
            "Notebooks",
        )
        message.set_content("Two, please.\n.\n.and a line with a dot\n")
        with provider.submission() as client:
            client.send_message(
                message, to_addrs=[SHOP.upper(), "marta@lindqvist.example", "blind@copy.example"]
            )
        with provider.signed_in(provider.shop) as client:
            assert client.stat()[0] == 1
            delivered = retrieved(client, 1)
        assert delivered.startswith(f"Return-Path: <{ALICE}>\r\n".encode())
        assert b"with ESMTPSA id" in delivered
        assert delivered.endswith(b"\r\n\r\nTwo, please.\r\n.\r\n.and a line with a dot\r\n")
        (kept,) = (provider.home / "demo" / "sent").glob("*.eml")
        assert b"X-Envelope-To: marta@lindqvist.example, blind@copy.example\r\n" in kept.read_bytes()
        assert b"blind@copy" not in delivered
        assert len(provider.files()) == 5

    def test_a_session_in_progress_does_not_see_new_mail(self, provider):
        with provider.signed_in() as reading:
            with provider.submission() as client:
                client.sendmail(ALICE, [ALICE], b"Subject: to myself\r\n\r\nHello\r\n")
            assert reading.stat()[0] == 5
            reading.quit()
        with provider.signed_in() as reading:
            assert reading.stat()[0] == 6
            assert b"Subject: to myself" in retrieved(reading, 6)

    def test_an_empty_sender_is_allowed(self, provider):
        with provider.submission() as client:
            client.sendmail("", [ALICE], b"Subject: away\r\n\r\nI am away.\r\n")
        assert len(provider.files()) == 6

    def test_an_unknown_neighbour_is_refused(self, provider):
        with provider.submission() as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail(ALICE, ["nobody@toko.example"], b"Subject: x\r\n\r\nx\r\n")
        assert refused.value.recipients["nobody@toko.example"][0] == 550

    def test_nobody_sends_without_signing_in(self, provider):
        with smtplib.SMTP_SSL("127.0.0.1", provider.smtp_port, context=provider.tls, timeout=20) as client:
            client.ehlo()
            assert client.mail(ALICE)[0] == 530
            assert client.rcpt(SHOP)[0] == 503

    @pytest.mark.parametrize(
        ("username", "password"), [(ALICE, "wrong"), ("nobody@post.example", ""), (SHOP, "")]
    )
    def test_a_wrong_password_is_refused(self, provider, username, password):
        with smtplib.SMTP_SSL("127.0.0.1", provider.smtp_port, context=provider.tls, timeout=20) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login(username, password)
            assert refused.value.smtp_code == 535

    def test_no_secret_is_logged(self, provider, caplog):
        caplog.set_level("DEBUG")
        with provider.submission() as client:
            client.sendmail(ALICE, [ALICE], b"Subject: x\r\n\r\nx\r\n")
        with provider.signed_in() as client:
            client.quit()
        secrets = (
            provider.alice.password,
            base64.b64encode(f"\0{ALICE}\0{provider.alice.password}".encode()).decode(),
        )
        assert caplog.text
        assert all(secret not in caplog.text for secret in secrets)


class TestCommand:
    """`manage.py demo_provider` as a process, apart from Django's settings, which it does not read."""

    CODE = (
        "from django.conf import settings; settings.configure();"
        "from django.core.management import call_command;"
        "from mailhub.management.commands.demo_provider import Command;"
        "call_command(Command(), *__import__('sys').argv[1:])"
    )

    def started(self, home: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", self.CODE, "--home", str(home), "--pace", "0"]
        environ = os.environ | {"PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_says_ready_and_ends_when_told(self, home, number):
        details = demo.details(home)
        process = self.started(home)
        with process:
            watch = threading.Timer(60, process.kill)
            watch.start()
            try:
                ready = process.stdout.readline()
                tls = ssl.create_default_context(cafile=home / "demo" / "ca.pem")
                client = poplib.POP3_SSL("127.0.0.1", details.pop3s_port, context=tls, timeout=20)
                client.close()
                process.send_signal(number)
                rest, errors = process.communicate(timeout=20)
            finally:
                watch.cancel()
                process.kill()
        assert ready == f"ready pop3s=127.0.0.1:{details.pop3s_port} smtp=127.0.0.1:{details.smtp_port}\n"
        assert (process.returncode, rest, errors) == (0, "", "")

    def test_a_taken_port_is_said_in_a_sentence(self, home):
        kept = home / "demo" / "demo.json"
        demo.details(home)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            state = json.loads(kept.read_text()) | {"smtp_port": taken.getsockname()[1]}
            kept.write_text(json.dumps(state))
            process = self.started(home)
            _, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Another program uses a port" in errors
