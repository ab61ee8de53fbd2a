"""The broker of docker-compose.yml, with its very command, on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from mailhub.embedded.home import valkey_software
from mailhub.embedded.process import free_port, port_answers, server_user, wait_until
from tests.mailhub.test_compose import ROOT, SECRETS, decoded


def test_the_broker_starts_with_its_command_and_forgets_no_task(tmp_path: Path) -> None:
    """The very command, with the program of the tests instead of the image's."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    command = compose["services"]["valkey"]["command"]
    secret = tmp_path / "redis_password"
    secret.write_text(SECRETS["redis_password"] + "\n")
    script = command[2].replace("$$", "$").replace("/run/secrets/redis_password", str(secret))
    script = script.replace("valkey-server", str(valkey_software(server_user())))
    port = free_port()
    words = [*command[:2], script, *command[3:], "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            assert wait_until(lambda: port_answers(port), 20)
            with redis.Redis(port=port, password=SECRETS["redis_password"]) as client:
                wanted = {
                    "maxmemory-policy": "volatile-lru",
                    "save": "",
                    "appendonly": "no",
                    "maxmemory": "536870912",
                }
                found = {key: client.config_get(key) for key in wanted}
                assert [decoded(found[key]) for key in wanted] == [
                    {key: value} for key, value in wanted.items()
                ]
                client.config_set("maxmemory", 3_000_000)
                client.rpush("work", "a task")
                for number in range(300):  # far more than fits
                    client.set(f"cached{number}", b"x" * 50_000, ex=300)
                assert client.lrange("work", 0, -1) == [b"a task"]
                assert client.info("stats")["evicted_keys"] > 100
            with pytest.raises(redis.AuthenticationError), redis.Redis(port=port, password="wrong") as client:
                client.ping()
        finally:
            server.terminate()
