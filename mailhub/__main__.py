"""`python -m mailhub start | stop | remove | status`; the last is the default."""

from __future__ import annotations

import sys

from mailhub.embedded import servers
from mailhub.embedded.home import home_folder
from mailhub.embedded.process import EmbeddedError


def main(command: str) -> int:
    """Do it, and say which servers are running then."""
    if command == "start":
        servers.ensure()
    elif command in ("stop", "remove"):
        from mailhub.supervisor import stop_running  # it would only see its database vanish

        stop_running(home_folder())
        if command == "stop":
            servers.stop()
        else:
            servers.remove()
    for name, is_running in servers.running()._asdict().items():
        sys.stdout.write(f"{name}: {'running' if is_running else 'stopped'}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "status"))
    except EmbeddedError as failure:
        sys.exit(str(failure))
