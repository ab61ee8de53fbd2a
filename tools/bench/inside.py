"""What runs inside the measured instance: its own code, called as a worker calls it; one JSON object a line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

import django

from tools.bench.processes import peak_memory


def main() -> None:
    """`connect`, `fetch`, `tick` or `programs`; see the functions."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("connect")
    command.add_argument("slug")
    command.add_argument("owner")
    command.set_defaults(call=connect)
    command = commands.add_parser("fetch")
    command.add_argument("account", type=int)
    command.add_argument("--times", type=int, default=1)
    command.add_argument("--how", choices=("any", "cheap", "full", "anew"), default="any")
    command.set_defaults(call=fetch)
    command = commands.add_parser("tick")
    command.add_argument("--limit", type=int, required=True)
    command.set_defaults(call=tick)
    commands.add_parser("programs").set_defaults(call=programs)
    options = vars(parser.parse_args())
    call = options.pop("call")
    django.setup()
    call(**options)


def say(value: Any) -> None:
    """One object on a line."""
    print(json.dumps(value), flush=True)


def connect(slug: str, owner: str) -> None:
    """Mail accounts from the JSON list on stdin, saved as they are; prints their ids."""
    from accounts import tenancy
    from accounts.models import Membership, Organization
    from accounts.services import add_mail_account
    from fetching.connect.services import change_settings

    organization = Organization.objects.get(slug=slug)
    ids = []
    with tenancy.scope(organization.pk):
        membership = Membership.objects.select_related("organization", "user").get(
            organization=organization, user__email=owner
        )
        for fields in json.load(sys.stdin):
            rules = fields.pop("rules")
            account = add_mail_account(membership, fields)
            change_settings(account, membership.user, rules)
            ids.append(account.pk)
    say(ids)


def fetch(account: int, times: int, how: str) -> None:
    """Sessions as a worker runs them, each until nothing more waits; prints what each took.

    `how`: "cheap" must find out without a listing that nothing is new, "full" must list everything, as it is done once
    an hour, and "anew" compare it one by one, as after a change or an error.
    """
    from datetime import timedelta

    from django.db.models import F

    from accounts import tenancy
    from accounts.models import MailAccount
    from fetching.engine import run
    from fetching.models import FetchState
    from fetching.protocols import open_source
    from fetching.scheduler import claims as fetch_claims

    with tenancy.system():
        organization = MailAccount.objects.values_list("organization", flat=True).get(pk=account)
    for _ in range(times):
        with tenancy.scope(organization):
            if how == "full":
                FetchState.objects.filter(account=account).update(
                    listed_at=F("listed_at") - timedelta(days=1)
                )
            elif how == "anew":
                fetch_claims.look_again(account)
        stored, more = 0, True
        wall, cpu = time.perf_counter(), time.process_time()
        while more:
            claim = fetch_claims.claim_now(organization, account)
            assert claim is not None, "the account is paused or held by somebody else"
            outcome = run.fetch(claim, open_source)
            if outcome.error or outcome.state != "done":
                sys.exit(f"session of account {account}: {outcome}")
            stored, more = stored + outcome.stored, outcome.more
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if how != "any" and outcome.unchanged != (how == "cheap"):
            sys.exit(f"this session was not {how}: {outcome}")
        row = {"wall": wall, "cpu": cpu, "memory": peak_memory(os.getpid())}
        say(row | {"stored": stored, "listed": outcome.listed})


def tick(limit: int) -> None:
    """The dispatcher's one statement, once for each line on stdin; prints seconds and how many it claimed."""
    from fetching.scheduler import claims as fetch_claims

    for _ in sys.stdin:
        started = time.perf_counter()
        claims = fetch_claims.claim_due(limit)
        say({"seconds": time.perf_counter() - started, "claimed": len(claims)})


def programs() -> None:
    """The commands by which `manage.py up` starts everything but the pages, by name."""
    from mailhub.management.commands.up import _programs

    say({name: command for name, command in _programs(0, "warning").items() if name != "web"})


if __name__ == "__main__":
    main()
