#!/usr/bin/env python
"""Django's command line, with a database and a broker that answer."""

import os
import sys

# These only print, and must work where no server can be started.
PURE = {"help", "version", "--help", "-h", "--version"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailhub.settings")
    try:
        from django.core.management import execute_from_command_line

        from mailhub.embedded import servers
    except ImportError as error:
        sys.exit(f"{error}. Run `make setup` first, and use .venv/bin/python.")
    if sys.argv[1:2] and not PURE & set(sys.argv[1:]):
        try:
            servers.ensure()
        except servers.EmbeddedError as error:
            sys.exit(str(error))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
