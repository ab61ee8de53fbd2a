"""Whatever a server does in whatever order: at rest, everything it ever had is here once, and only that was deleted."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import download, remote_delete, run
from fetching.models import RemoteMessage
from fetching.pop3.source import Pop3Source
from fetching.scheduler import claims
from tests import factories
from tests.conftest import check_books
from tests.fetching.engine.crash_checks import Watch, check_invariant, deletes, digest, drain, kept_digests
from tests.fetching.fetched import QUICK
from tests.servers.pop3 import Faults, MailboxServer

pytestmark = pytest.mark.django_db

# Equal numbers are equal bytes, different ones differ in size too, as nearly all mail does.
# Some have what tells a header from all others, some have not.
CONTENTS = [
    factories.letter(
        f"Letter {n}", body="\r\n." + "x" * n + "\r\n", headers=f"Message-ID: <{n}@x>\r\n" if n % 3 else ""
    )
    for n in range(16)
]
UIDLS = [b"same", b"Same"]  # besides identifiers of their own


@dataclass
class Visit:
    """What arrives before one session, and what goes wrong in it."""

    arriving: list[tuple[bytes | None, int]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)


letters = st.tuples(st.one_of(st.none(), st.sampled_from(UIDLS)), st.integers(0, len(CONTENTS) - 1))
mail = st.lists(letters, max_size=4)
verbs = st.sampled_from(["CAPA", "PASS", "STAT", "UIDL", "LIST", "QUIT", "RETR", "TOP", "DELE"])
numbered = st.builds("{} {}".format, st.sampled_from(["RETR", "DELE", "UIDL"]), st.integers(1, 6))
commands = st.one_of(verbs, numbered, numbered)
lines = st.sampled_from(["-ERR no", "-ERR [SYS/TEMP] later", "-ERR no such message"])
refusals = st.dictionaries(numbered, lines, max_size=3)
faults = st.one_of(
    st.builds(Faults, err_on=refusals),
    st.builds(Faults, drop_on=commands, err_on=refusals),
    st.builds(Faults, drop_after=commands, err_on=refusals),
    st.builds(Faults, drop_within=st.tuples(commands, st.integers(0, 300)), err_on=refusals),
    st.builds(Faults, lose_quit=st.just(True), err_on=refusals),
    st.builds(
        Faults, err_on=st.sampled_from(["QUIT", "DELE", "RETR", "LIST"]).map(lambda verb: {verb: "-ERR no"})
    ),
)
visits = st.lists(st.builds(Visit, mail, faults), min_size=2, max_size=6)


class Life:
    """One account and one server through an example."""

    def __init__(self, account: MailAccount, server: MailboxServer) -> None:
        self.account, self.server = account, server
        self.ever: list[bytes] = []
        self.safe: set[bytes] = set()
        self.watch = Watch(server, lambda: self.safe)
        depth = len(connection.savepoint_ids)
        life = self

        class Watched(Pop3Source):
            """Asks what is stored right before it is said that something may go; this thread alone can know."""

            def delete(self, numbers):
                life.look(depth)
                return super().delete(numbers)

            def quit(self):
                life.look(depth)
                return super().quit()

        self.connect = lambda address, credentials, limits, pipelining: Watched.open(
            address, credentials, limits, pipelining=pipelining
        )

    def look(self, depth: int) -> None:
        if len(connection.savepoint_ids) != depth:
            self.watch.wrong.append("a transaction spans the network")
        self.safe = kept_digests(self.account)

    def fetch(self, account: MailAccount) -> run.Outcome:
        claim = claims.claim_now(account.organization_id, account.pk)
        assert claim is not None
        outcome = run.fetch(claim, self.connect, limits=QUICK)
        self.server.wait_until_idle()
        return outcome

    def deliver(self, letters: list[tuple[bytes | None, int]]) -> None:
        for uidl, number in letters:
            data = CONTENTS[number]
            self.server.deliver(data if uidl is None else (uidl, data))
            self.ever.append(data)

    def visit(self, visit: Visit) -> None:
        self.deliver(visit.arriving)
        self.server.faults = visit.faults
        self.server.faults.on_command = self.watch
        outcome = self.fetch(self.account)
        assert outcome.error != "internal"
        assert self.watch.wrong == []
        check_books()

    def forgive(self) -> None:
        """The faults are over; the owner lets what was set aside be tried again."""
        self.server.behave()
        self.server.faults.on_command = self.watch
        with tenancy.scope(self.account.organization_id):
            RemoteMessage.objects.filter(state=RemoteMessage.State.QUARANTINED).update(
                state=RemoteMessage.State.LISTED, failures=0, retry_at=None
            )


def live(account: MailAccount, server: MailboxServer, first: list, course: list[Visit]) -> None:
    life = Life(account, server)
    life.deliver(first)
    for visit in course:
        life.visit(visit)
    life.forgive()
    drain(account, life.fetch)
    check_invariant(account, server, life.watch, life.ever)
    if not deletes(account):
        assert {digest(letter.data) for letter in server.messages} == set(map(digest, life.ever))


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rule=st.sampled_from(["keep", "after_storing", "after_days"]),
    newest_first=st.booleans(),
    pipelining=st.booleans(),
    batch=st.integers(1, 4),
    deletes_a_session=st.integers(1, 5),
    first=st.lists(letters, min_size=2, max_size=12),
    course=visits,
)
def test_any_course_of_faults(
    acme,
    alice,
    settings,
    monkeypatch,
    rule,
    newest_first,
    pipelining,
    batch,
    deletes_a_session,
    first,
    course,
):
    monkeypatch.setattr(download, "BATCH_MESSAGES", batch)
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", deletes_a_session)
    capabilities = ["UIDL", "USER", "TOP"] + ["PIPELINING"] * pipelining
    with (
        MailboxServer(username="box", password="secret", capabilities=capabilities) as server,
        transaction.atomic(),
    ):
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(
            acme,
            alice,
            port=server.port,
            delete_policy=rule,
            delete_after_days=0,
            newest_first=newest_first,
        )
        live(account, server, first, course)
        transaction.set_rollback(True)
