"""A page is rendered after what it wrote is committed: it holds no lock, and PostgreSQL lets it write nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import psycopg
import pytest
from django.db import InternalError, connection
from django.test.signals import template_rendered
from django.urls import reverse

from accounts import tenancy
from accounts.database_roles import signed
from mailbox.models import Message
from tests.factories import deliver, letter
from tests.locks.lockstep import address

ROOT = Path(__file__).resolve().parents[2]
# Nobody's organization is entered here.
OUTSIDE = {"accounts/views/invitation.py", "accounts/views/organizations.py"}


@pytest.mark.django_db(transaction=True)
def test_no_row_lock_is_held_while_a_template_renders(acme, account, as_alice):
    (key,) = deliver(account, letter())
    rendered = []

    def look(sender, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_current_xact_id_if_assigned(), current_setting('transaction_read_only')"
            )
            assert cursor.fetchone() == (None, "on"), "it has written or locked something"
        with psycopg.connect(address()) as other:
            other.execute("SELECT set_config('mailhub.system', %s, true)", [signed("system")])
            for table in ("accounts_organization", "accounts_mailaccount", "mailbox_folder"):
                other.execute(f"SELECT 1 FROM {table} FOR UPDATE NOWAIT")
            row = other.execute("SELECT is_starred FROM mailbox_message FOR UPDATE NOWAIT").fetchone()
        rendered.append(row)

    template_rendered.connect(look)
    try:
        page = reverse("message_star", args=[acme.slug, key])
        answer = as_alice.post(page, {"starred": "1"}, headers={"HX-Request": "true"})
    finally:
        template_rendered.disconnect(look)
    assert answer.status_code == 200
    assert rendered, "nothing was rendered"
    assert set(rendered) == {(True,)}, "what the page wrote is not committed before it renders"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attempt",
    [lambda: Message.objects.update(is_read=True), lambda: list(Message.objects.select_for_update())],
    ids=["write", "lock"],
)
def test_whoever_renders_can_neither_write_nor_lock(acme, account, attempt):
    deliver(account, letter())
    with pytest.raises(InternalError, match="read-only transaction"), tenancy.scope(acme.pk, read_only=True):
        attempt()
    with tenancy.scope(acme.pk):
        assert Message.objects.update(is_read=False) == 1, "afterwards all is as before"


def test_every_page_of_an_organization_is_rendered_by_its_door():
    views = [*ROOT.glob("*/views/*.py"), *ROOT.glob("mailhub/pages/*.py")]
    found = set()
    for path in views:
        for node in ast.walk(ast.parse(path.read_text())):
            names = {name.name for name in node.names} if isinstance(node, ast.ImportFrom) else set()
            if names & {"render", "render_to_string"} and node.module != "accounts.access":
                found.add(str(path.relative_to(ROOT)))
    assert found <= OUTSIDE
