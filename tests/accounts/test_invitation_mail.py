"""The mail of invitations: a row first, sent by a task, found again by the clock; and never a relay for strangers."""

from __future__ import annotations

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import invitations, limits, services, system_mail, tasks, tenancy
from accounts.models import Invitation, Membership, Organization, Role, SystemMail
from tests import factories
from tests.conftest import signed_in

NEW = "nadia@acme.example"


def ordered(acme, alice, email=NEW) -> Invitation:
    with tenancy.scope(acme.pk):
        (row,) = services.invite(factories.membership(acme, alice), [email], Role.MEMBER)
    return row


def again(row: Invitation) -> Invitation | None:
    with tenancy.scope(row.organization_id):
        return Invitation.objects.filter(pk=row.pk).first()


def change(row: Invitation, **values) -> None:
    with tenancy.scope(row.organization_id):
        Invitation.objects.filter(pk=row.pk).update(**values)


def link() -> str:
    url = next(word for word in mail.outbox[-1].body.split() if "/invitation/" in word)
    return "/" + url.split("/", 3)[3]


class Away(BaseEmailBackend):
    """A mail server that is not there."""

    def send_messages(self, messages):
        raise ConnectionRefusedError("421 nadia@acme.example")


def test_the_link_of_the_mail_opens_the_invitation(acme, alice):
    row = ordered(acme, alice)
    tasks.mail_invitation(acme.pk, row.pk)
    assert mail.outbox[0].to == [NEW]
    assert Client().get(link()).status_code == 200
    assert again(row).mail_due_at is None
    assert invitations.due() == []


def test_running_twice_mails_once(acme, alice):
    row = ordered(acme, alice)
    for _ in range(2):
        tasks.mail_invitation(acme.pk, row.pk)
    assert len(mail.outbox) == 1


def test_a_lost_task_is_found_by_the_clock(acme, umbrella, alice, charlie, monkeypatch):
    rows = [ordered(acme, alice), ordered(umbrella, charlie, "yusuf@umbrella.example")]
    monkeypatch.setattr(tasks.mail_invitation, "delay", tasks.mail_invitation)
    tasks.mail_invitations()
    assert sorted(message.to[0] for message in mail.outbox) == sorted(row.email for row in rows)
    tasks.mail_invitations()
    assert len(mail.outbox) == 2


def test_a_failed_mail_is_tried_again_later_with_a_link_that_works(acme, alice, settings, caplog):
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Away"
    row = ordered(acme, alice)
    tasks.mail_invitation(acme.pk, row.pk)
    assert NEW not in caplog.text
    assert invitations.due() == [], "the mail itself is tried again"
    waiting = SystemMail.objects.get()
    settings.EMAIL_BACKEND = working
    SystemMail.objects.update(due_at=timezone.now())
    assert system_mail.send(waiting.pk)
    assert Client().get(link()).status_code == 200
    assert not SystemMail.objects.exists()


def test_a_worker_that_dies_while_sending_is_repeated(acme, alice, monkeypatch):
    def die(*args):
        raise SystemExit

    row = ordered(acme, alice)
    with monkeypatch.context() as patch:
        patch.setattr(invitations.mail, "invitation", die)
        with pytest.raises(SystemExit):
            tasks.mail_invitation(acme.pk, row.pk)
    change(row, mail_due_at=timezone.now())
    tasks.mail_invitation(acme.pk, row.pk)
    assert len(mail.outbox) == 1


def test_withdrawn_expired_and_accepted_ones_are_not_mailed(acme, alice, bob):
    withdrawn, expired, accepted = (ordered(acme, alice, name) for name in (NEW, "a@b.example", bob.email))
    with tenancy.scope(acme.pk):
        Invitation.objects.filter(pk=withdrawn.pk).delete()
        Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
        services.accept_invitation(accepted, bob)
    assert invitations.due() == []
    for row in (withdrawn, expired, accepted):
        tasks.mail_invitation(acme.pk, row.pk)
    assert mail.outbox == []


def test_the_key_waits_nowhere(acme, alice):
    row = ordered(acme, alice)
    before = again(row).key_hash
    tasks.mail_invitation(acme.pk, row.pk)
    key = link().rstrip("/").rsplit("/", 1)[1]
    assert again(row).key_hash == Invitation.hash_key(key) != before


# ── No relay ────────────────────────────────────────────────────────────────
def invite(client, emails, slug="acme"):
    return client.post(reverse("invite", args=[slug]), {"emails": emails, "role": "member"})


def open_to(organization) -> list[str]:
    with tenancy.scope(organization.pk):
        return sorted(Invitation.objects.values_list("email", flat=True))


@pytest.fixture
def roomy(acme, umbrella):
    Organization.objects.update(member_limit=10_000)
    return acme


def test_one_mailbox_is_written_to_a_few_times_a_day_however_it_is_spelled(as_alice, roomy):
    spelled = ["nadia@acme.example", "na.dia@acme.example", "nadia+work@acme.example", "Nadia+x@acme.example"]
    codes = [invite(as_alice, email).status_code for email in spelled]
    assert codes == [302] * limits.INVITATIONS["mailbox"] + [422]
    assert "invited several times today" in invite(as_alice, spelled[0]).content.decode()


def test_one_mailbox_is_counted_over_all_organizations(as_alice, as_charlie, roomy, umbrella):
    for client, slug in ((as_alice, "acme"), (as_charlie, "umbrella"), (as_alice, "acme")):
        assert invite(client, NEW, slug).status_code == 302
    assert invite(as_charlie, NEW, "umbrella").status_code == 422


def test_sending_again_counts_too(as_alice, roomy):
    invite(as_alice, NEW)
    for _ in range(5):
        with tenancy.scope(roomy.pk):
            row = Invitation.objects.get()
        as_alice.post(reverse("invitation_resend", args=["acme", row.pk]))
    page = as_alice.get(reverse("people", args=["acme"])).content.decode()
    assert "invited several times today" in page
    assert open_to(roomy) == [NEW], "the link that was mailed stays good"
    with tenancy.scope(roomy.pk):
        assert services.AuditEvent.objects.filter(action="invitation.sent").count() == 3


def test_withdrawing_gives_no_more(as_alice, roomy):
    for _ in range(3):
        invite(as_alice, NEW)
        with tenancy.scope(roomy.pk):
            row = Invitation.objects.get()
        as_alice.post(reverse("invitation_withdraw", args=["acme", row.pk]))
    assert invite(as_alice, NEW).status_code == 422
    assert open_to(roomy) == []


def test_a_person_invites_so_many_a_day_in_all_organizations(as_alice, alice, roomy, monkeypatch):
    monkeypatch.setitem(limits.INVITATIONS, "person", 3)
    factories.found("Second", alice)
    assert invite(as_alice, "a@x.example, b@x.example").status_code == 302
    refused = invite(as_alice, "c@x.example, d@x.example", "second")
    assert refused.status_code == 422
    assert "Many invitations were sent today" in refused.content.decode()
    # All or none, and what was refused is not counted.
    assert invite(as_alice, "c@x.example", "second").status_code == 302
    assert invite(as_alice, "e@x.example").status_code == 422


def test_an_organization_invites_so_many_a_day(as_alice, bob, roomy, monkeypatch):
    monkeypatch.setitem(limits.INVITATIONS, "organization", 3)
    with tenancy.scope(roomy.pk):
        Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    assert invite(as_alice, "a@x.example, b@x.example").status_code == 302
    assert invite(signed_in(bob), "c@x.example, d@x.example").status_code == 422
    assert invite(signed_in(bob), "c@x.example").status_code == 302


def test_a_refused_mailbox_does_not_use_up_the_others(as_alice, roomy):
    for _ in range(3):
        invite(as_alice, NEW)
    for _ in range(4):
        assert invite(as_alice, f"{NEW}, yusuf@acme.example").status_code == 422
    assert invite(as_alice, "yusuf@acme.example").status_code == 302


def test_a_full_plan_counts_nothing(as_alice, acme):
    Organization.objects.filter(pk=acme.pk).update(member_limit=2)
    for _ in range(4):
        assert "room for 2 people" in invite(as_alice, NEW).content.decode()
    Organization.objects.filter(pk=acme.pk).update(member_limit=3)
    assert invite(as_alice, NEW).status_code == 302


@pytest.mark.parametrize(
    "name",
    [
        "https://evil.example",
        "Win at www.evil.example",
        "mail boss@evil.example",
        "a//b",
        "two\nlines",
        "\u202eevil",
    ],
)
def test_no_name_is_a_link(as_alice, alice, acme, db, name):
    page = as_alice.post(reverse("profile", args=["acme"]), {"name": name})
    assert page.context["form"].errors.keys() == {"name"}
    page = as_alice.post(reverse("found"), {"name": name})
    assert page.context["form"].errors.keys() == {"name"}
    form = {"name": name, "organization": name, "email": "new@x.example", "password1": "tiga ekor kucing"}
    assert {"name", "organization"} <= Client().post(reverse("account_signup"), form).context[
        "form"
    ].errors.keys()
    assert Organization.objects.count() == 1


@pytest.mark.parametrize(
    "name",
    [
        "Dr. Ada Lovelace-King",
        "O'Neill & Söhne",
        "نسرین\u200cخانم",
        "Toko 24/7",
        "PT. Maju Jaya, Tbk.",
        "Node.js",
    ],
)
def test_names_that_people_have_are_names(as_alice, acme, name):
    assert as_alice.post(reverse("profile", args=["acme"]), {"name": name}).status_code == 302


# ── Organizations ───────────────────────────────────────────────────────────
def test_a_person_founds_a_few_organizations_a_day(as_alice, alice, acme):
    for number in range(limits.FOUNDED_A_DAY):
        assert as_alice.post(reverse("found"), {"name": f"House {number}"}).status_code == 302
    page = as_alice.post(reverse("found"), {"name": "One more"})
    assert "founded many organizations" in page.content.decode()
    assert Organization.objects.count() == 1 + limits.FOUNDED_A_DAY


def test_a_person_owns_so_many_organizations(as_alice, alice, acme, monkeypatch):
    monkeypatch.setattr(limits, "OWNED", 1)
    page = as_alice.post(reverse("found"), {"name": "One more"})
    assert "founded many organizations" in page.content.decode()


def test_support_staff_have_no_such_limit(as_alice, alice, acme, monkeypatch):
    monkeypatch.setattr(limits, "OWNED", 1)
    alice.is_staff = True
    alice.save()
    assert as_alice.post(reverse("found"), {"name": "One more"}).status_code == 302
