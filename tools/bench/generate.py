"""A great many accounts without a person behind them: rows made by the database, straight into the tables.

`TABLES` says what the columns that matter hold, as SQL over the row's number `n`; any other column that must not be
empty gets its type's nothing, so a new column in a model needs no line here unless the scheduler looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

ACCOUNTS_OF_ORGANIZATION = 20
SERVERS = 1_000
# Made rows are told from real ones by their numbers.
FIRST = 10_000_000
NOTHING = {
    "boolean": "false",
    "bytea": "''",
    "character varying": "''",
    "text": "''",
    "jsonb": "'{}'",
    "timestamp with time zone": "now()",
}
_ORGANIZATION = f"{FIRST} + (n - 1) / {ACCOUNTS_OF_ORGANIZATION}"
_HOST = f"'pop' || mod(n, {SERVERS}) || '.example'"


@dataclass(frozen=True)
class Table:
    """`every`: one row for so many accounts. `at_most`: and no more than that."""

    name: str
    values: Mapping[str, str]
    every: int = 1
    at_most: int | None = None


TABLES = (
    Table("accounts_user", {"id": f"{FIRST} + n - 1", "email": "'person' || n || '@mail.example'"}, 20),
    Table(
        "accounts_organization",
        {"id": f"{FIRST} + n - 1", "name": "'Organization ' || n", "slug": "'made-' || n"},
        ACCOUNTS_OF_ORGANIZATION,
    ),
    Table(
        "fetching_mailserver",
        {"host": f"{_HOST} || ':995'", "connections": "4"},
        at_most=SERVERS,
    ),
    Table(
        "accounts_mailaccount",
        {
            "id": f"{FIRST} + n",
            "organization_id": _ORGANIZATION,
            "owner_id": _ORGANIZATION,
            "email": "'box' || n || '@mail.example'",
            "username": "'box' || n",
            "host": _HOST,
            "port": "995",
            "kind": "'pop3'",
            "encryption": "'ssl'",
            "is_default": "false",
        },
    ),
    Table(
        "fetching_fetchstate",
        {
            "account_id": f"{FIRST} + n",
            "organization_id": _ORGANIZATION,
            "server": f"{_HOST} || ':995'",
            "mailbox": "sha256(n::text::bytea)",
            "status": "'active'",
            "interval_seconds": "300",
            # Not during the benchmark.
            "next_run_at": "now() + interval '1 day' + random() * interval '5 minutes'",
        },
    ),
)


def accounts(execute: Execute, before: int, count: int) -> None:
    """Make accounts number `before` + 1 to `count`, with all that belongs to them."""
    for table in TABLES:
        low, high = -(-before // table.every), -(-count // table.every)
        if table.at_most is not None:
            low, high = min(low, table.at_most), min(high, table.at_most)
        values = _empty(execute, table.name) | dict(table.values)
        execute(
            f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())}"
            f" FROM generate_series({low + 1}::bigint, {high}::bigint) AS made (n)",
            (),
        )


def account_of_server(server: int, turn: int) -> int:
    """The id of the `turn`-th account of a server, both counted from 0."""
    return FIRST + server + SERVERS * turn + (SERVERS if server == 0 else 0)


def _empty(execute: Execute, table: str) -> dict[str, str]:
    """What to write into the columns that must be given and of which `TABLES` says nothing."""
    columns = execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
        " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
        [table],
    )
    return {name: NOTHING.get(kind, "0") for name, kind in columns}
