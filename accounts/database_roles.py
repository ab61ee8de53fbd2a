"""Row-level security that the application's own role cannot open: signed scopes, checked by functions of the owner.

Two roles: the **owner** makes the tables (`manage.py migrate`, DATABASE_OWNER_URL), the **runtime** role of web and
workers (DATABASE_URL) reads and writes rows. A scope is a transaction-local setting, and any statement can set those;
so its value carries a MAC (SHA-256, nested as in RFC 2104) under a key that the runtime role cannot read, and policies
believe only what is signed. SQL that somebody smuggles in can open neither another organization nor all (ADR 11).
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register
from django.db import connections

# The condition of every tenant's policy; the sub-selects are evaluated once a statement, not once a row.
CONDITION = "organization_id = (SELECT tenancy_organization()) OR (SELECT tenancy_is_system())"

_INSTALL = (
    "CREATE TABLE IF NOT EXISTS tenancy_key (key bytea PRIMARY KEY)",
    "REVOKE ALL ON tenancy_key FROM PUBLIC",
    # A signed value is "name:MAC". Returns the name, NULL for what nobody with the key has signed.
    """
    CREATE OR REPLACE FUNCTION tenancy_signed(value text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT split_part(value, ':', 1) FROM public.tenancy_key
        WHERE encode(sha256(key || sha256(key || convert_to(split_part(value, ':', 1), 'UTF8'))), 'hex')
            = split_part(value, ':', 2)
        LIMIT 1 $$""",
    """
    CREATE OR REPLACE FUNCTION tenancy_organization() RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
    DECLARE value text := nullif(current_setting('mailhub.organization', true), '');
    BEGIN
        RETURN CASE WHEN value IS NULL THEN NULL ELSE public.tenancy_signed(value)::bigint END;
    END $$""",
    """
    CREATE OR REPLACE FUNCTION tenancy_is_system() RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
    DECLARE value text := nullif(current_setting('mailhub.system', true), '');
    BEGIN
        RETURN value IS NOT NULL AND coalesce(public.tenancy_signed(value) = 'system', false);
    END $$""",
    # Policies of an earlier release, which believed any setting.
    f"""
    DO $$ DECLARE found record; BEGIN
        FOR found IN SELECT schemaname, tablename FROM pg_policies
            WHERE policyname = 'tenant' AND qual NOT LIKE '%tenancy_organization%'
        LOOP
            EXECUTE format('ALTER POLICY tenant ON %I.%I USING ({CONDITION}) WITH CHECK ({CONDITION})',
                found.schemaname, found.tablename);
        END LOOP;
    END $$""",
)


@lru_cache(maxsize=8)
def key_of(secret: str) -> bytes:
    """The key that signs scopes, from a SECRET_KEY."""
    return hmac.digest(secret.encode(), b"mailhub row-level security", "sha256")


@lru_cache(maxsize=4096)
def signed(name: str, secret: str | None = None) -> str:
    """A setting's value that the policies believe: an organization's number, or "system"."""
    key = key_of(secret or settings.SECRET_KEY)
    inner = hashlib.sha256(key + name.encode()).digest()
    return f"{name}:{hashlib.sha256(key + inner).hexdigest()}"


@register
def check_roles(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """One role for both is weaker: it could take the policies off its own tables."""
    if settings.DEBUG or settings.DATABASE_OWNER_ROLE != settings.DATABASE_RUNTIME_ROLE:
        return []
    hint = "Set DATABASE_OWNER_URL to a role that owns the tables, and DATABASE_URL to one that does not."
    return [Warning("The database role of the pages owns the tables.", hint=hint, id="mailhub.W001")]


def install(using: str = "default", **_signal: Any) -> None:
    """Before migrations: functions, keys, and policies that an earlier release had made. As the owner; repeatable."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [key_of(secret) for secret in secrets]
    with connections[using].cursor() as cursor:
        for statement in _INSTALL:
            cursor.execute(statement)
        cursor.execute("DELETE FROM tenancy_key WHERE key <> ALL (%s)", [keys])
        cursor.execute("INSERT INTO tenancy_key SELECT unnest(%s) ON CONFLICT DO NOTHING", [keys])


def grant(using: str = "default", **_signal: Any) -> None:
    """After migrations: the runtime role may read and write rows, and nothing else. As the owner; repeatable."""
    connection = connections[using]
    role = connection.ops.quote_name(settings.DATABASE_RUNTIME_ROLE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        if cursor.fetchone()[0] == settings.DATABASE_RUNTIME_ROLE:
            return  # one role does both; a system check says that this is weaker
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
            f"REVOKE ALL ON tenancy_key FROM {role}",
            f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
        ):
            cursor.execute(statement)
