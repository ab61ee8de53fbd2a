"""Valkey from a wheel: start and stop the broker and cache of one home."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from urllib.parse import SplitResult, unquote

from mailhub.embedded.home import valkey_software
from mailhub.embedded.process import (
    LOOPBACK,
    EmbeddedError,
    ServerUser,
    command_line,
    end,
    free_port,
    port_answers,
    tail,
    wait_until,
    write_private,
)


class ValkeyServer:
    """The Valkey server of one home: `valkey/` in the folder of its servers.

    It keeps nothing on disk: PostgreSQL knows what is due, so tasks lost with it are queued again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "valkey"
        self.configuration = self.folder / "valkey.conf"
        self.log = self.folder / "valkey.log"
        self._pid_file = self.folder / "valkey.pid"

    def pid(self) -> int | None:
        """The running server's process, only if it really is the server of this folder."""
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if str(self.configuration) in command_line(pid) else None

    def port(self) -> int | None:
        """The port of the running server, as it was last configured."""
        if self.pid() is None:
            return None
        lines = dict(line.split(" ", 1) for line in self.configuration.read_text().splitlines())
        return int(lines["port"])

    def start(self, address: SplitResult, user: ServerUser) -> int:
        """Start on the address's port, or another one if somebody else has it; returns the port.

        Raises EmbeddedError with the end of the server's log.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        user.give(self.folder)
        port = address.port or 0
        for _attempt in range(3):
            port = free_port() if not port or port_answers(port) else port
            self._configure(port, unquote(address.password or ""), user)
            user.run([valkey_software(user), self.configuration])
            here = address._replace(netloc=f":{address.password}@{LOOPBACK}:{port}")
            if self._comes_up(here):
                return port
            port = 0
        raise EmbeddedError(f"Valkey does not start. The end of {self.log}:\n{tail(self.log)}")

    def stop(self) -> bool:
        """End the server; False if it was not running."""
        if (pid := self.pid()) is None:
            return False
        end(pid, [(signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)], alive=lambda: bool(command_line(pid)))
        self._pid_file.unlink(missing_ok=True)
        return True

    def _configure(self, port: int, password: str, user: ServerUser) -> None:
        """A file rather than arguments, which every user of the machine could read."""
        self._pid_file.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        lines = {
            "bind": LOOPBACK,
            "port": port,
            "requirepass": _quoted(password),
            "daemonize": "yes",
            "dir": _quoted(self.folder),
            "pidfile": _quoted(self._pid_file),
            "logfile": _quoted(self.log),
            # The configuration's path in the process title is how a later start knows its own server.
            "proc-title-template": '"valkey-server {config-file}"',
            "save": '""',
            "appendonly": "no",
            # Only what ends by itself may go when memory is full, which is the cache. A queue has no such end: when
            # queues alone fill the memory, one more task is an error, and none is lost.
            "maxmemory": "256mb",
            "maxmemory-policy": "volatile-lru",
        }
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        write_private(self.configuration, text, user)

    def _comes_up(self, address: SplitResult) -> bool:
        wait_until(lambda: broker_answers(address) or self._has_failed(), 10)
        return broker_answers(address)

    def _has_failed(self) -> bool:
        """Whether the server has given up, before or after it wrote its process file."""
        return (self._pid_file.exists() and self.pid() is None) or "Failed listening" in tail(self.log)


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def broker_answers(address: SplitResult) -> bool:
    """Whether a PING with the address's own password succeeds."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis(
        host=address.hostname or LOOPBACK,
        port=address.port or 6379,
        password=unquote(address.password or "") or None,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
