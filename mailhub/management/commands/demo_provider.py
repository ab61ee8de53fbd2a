"""`manage.py demo_provider`: runs the demo mail provider until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailhub.demo.provider import Provider, quiet_libraries


class Command(BaseCommand):
    """Prints one line when both servers listen: `ready pop3s=HOST:PORT smtp=HOST:PORT`."""

    help = "Runs the demo mail provider (POP3 and SMTP on this machine only) until SIGINT or SIGTERM."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--home", type=Path, help="folder to use instead of MAILHUB_HOME")
        parser.add_argument(
            "--pace",
            type=float,
            metavar="MS",
            help="time to take over each message handed out (the first mailbox is slow on purpose: 90)",
        )

    def handle(self, *args: Any, home: Path | None, pace: float | None, **options: Any) -> None:
        quiet_libraries()
        try:
            asyncio.run(self._serve(Provider(home, pace=None if pace is None else pace / 1000)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise CommandError(
                "Another program uses a port of the demo provider. End it, or choose other ports in "
                "demo/demo.json; demo accounts that are connected then need the new port."
            ) from error

    async def _serve(self, provider: Provider) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with provider:
            pop3s, smtp = provider.listening
            self.stdout.write(f"ready pop3s={pop3s} smtp={smtp}")
            self.stdout.flush()
            await stop.wait()
