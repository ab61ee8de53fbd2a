"""Tenancy: PostgreSQL row-level security keeps organizations apart; `scope` opens one of them (ADR 1).

Every table with an `organization` column carries a forced policy. Outside a scope it shows no row and takes none;
inside `scope(id)` only that organization's. Both settings are transaction-local, so nothing leaks through a pooled
connection and PgBouncer in transaction mode is fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psycopg
from django.db import connection, models, transaction
from django.db.migrations.operations import RunSQL

from accounts.database_roles import CONDITION, signed

if TYPE_CHECKING:
    from accounts.models import Membership

M = TypeVar("M", bound=models.Model)
ORGANIZATION = "mailhub.organization"
SYSTEM = "mailhub.system"


class TenancyError(RuntimeError):
    """A scope was opened inside the scope of another organization."""


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting(%s, true), '')", [name])
        return str(cursor.fetchone()[0])


def _set(name: str, value: str, *, read_only: bool = False) -> None:
    others = b", set_config('transaction_read_only', 'on', true)" if read_only else b""
    # Bound on the server: what other sessions of our role see of this statement (pg_stat_activity) holds no signature.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(b"SELECT set_config(%s, %s, true)" + others, [name, value])


@contextmanager
def _local(name: str, value: str, before: str, *, read_only: bool = False) -> Iterator[None]:
    is_inner = connection.in_atomic_block
    with transaction.atomic():
        _set(name, value, read_only=read_only)
        yield
        # When this was only a savepoint, the outer transaction must get its own setting back. After an error
        # the savepoint's rollback does that; the end of a transaction does it by itself.
        if is_inner:
            _set(name, before)


@contextmanager
def scope(organization_id: int, *, read_only: bool = False) -> Iterator[None]:
    """A transaction that sees and writes the rows of one organization only.

    `read_only`: PostgreSQL refuses every write and every row lock; for rendering pages. Raises TenancyError inside
    the scope of another organization: a request never has two tenants.
    """
    before = _setting(ORGANIZATION) if connection.in_atomic_block else ""
    value = signed(str(organization_id))
    if before not in ("", value):
        raise TenancyError(f"already in the scope of organization {before.partition(':')[0]}")
    with _local(ORGANIZATION, value, before, read_only=read_only):
        yield


@contextmanager
def system() -> Iterator[None]:
    """A transaction that sees every organization: for claiming, support staff, and finding memberships.

    Every caller is named in tests/test_isolation.py.
    """
    before = _setting(SYSTEM) if connection.in_atomic_block else ""
    with _local(SYSTEM, signed("system"), before):
        yield


class OwnedQuerySet(models.QuerySet[M]):
    """Rows of one person of an organization: `owner` and `account` are the lookups from the row to these."""

    owner = "account__owner"
    account = "account__"

    def visible_to(self, membership: Membership) -> Self:
        """The member's own rows: mail is private to its owner, also from the organization's admins.

        What belongs to an account that is being removed is seen by nobody.
        """
        return self.filter(
            organization=membership.organization_id,
            **{self.owner: membership.user_id, f"{self.account}removing_until": None},
        )


class TenantModel(models.Model):
    """A row that belongs to one organization; its migration must add `Guard(table)`."""

    organization = models.ForeignKey(
        "accounts.Organization", models.CASCADE, related_name="+", editable=False, db_index=False
    )

    class Meta:
        abstract = True


class Guard(RunSQL):
    """Migration operation: force row-level security on `table`."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=[
                f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
                f'CREATE POLICY tenant ON "{table}" USING ({CONDITION}) WITH CHECK ({CONDITION})',
            ],
            reverse_sql=[
                f'DROP POLICY tenant ON "{table}"',
                f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
            ],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Written into a migration as Guard("table")."""
        return self.__class__.__name__, [self.table], {}
