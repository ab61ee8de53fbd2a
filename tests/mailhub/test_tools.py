"""The way in: `make` and its scripts say what is wanted on a machine that lacks it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.bench import peers

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def shell(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(command, cwd=ROOT, env=kept | environ, capture_output=True, text=True, timeout=60)


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_make_alone_lists_every_target() -> None:
    listing = shell("make").stdout
    targets = re.findall(r"^([a-z]+):", MAKEFILE, re.M)
    documented = re.findall(r"^  make (\w+) ", listing, re.M)
    assert [target for target in targets if target != "venv"] == documented
    assert set(re.search(r"^\.PHONY: (.*)", MAKEFILE, re.M)[1].split()) == set(targets)  # type: ignore[index]


def test_what_make_calls_is_there() -> None:
    called = set(re.findall(r"tools/[\w.]+", MAKEFILE + (ROOT / "tools" / "check.py").read_text()))
    assert called
    assert [path for path in sorted(called) if not (ROOT / path).exists()] == []


def test_ci_runs_the_same_command_as_everybody() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"


def test_no_python_is_told() -> None:
    done = shell("sh", "tools/venv.sh", PYTHON="no-such-python")
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr


def test_an_old_python_is_told(tmp_path: Path) -> None:
    """It answers the question for its version as Python 3.9 would."""
    old = program(tmp_path, "python3", 'case "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac')
    done = shell("sh", "tools/venv.sh", PYTHON=str(old))
    assert done.returncode == 1
    assert "is 3.9" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_python_without_venv_is_told(tmp_path: Path) -> None:
    """In a fresh checkout, on a machine without apt-get (where even root has to be told)."""
    bare = program(
        tmp_path, "python3", f'case "$2" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"'
    )
    (tmp_path / "tools").mkdir()
    for name in ("tools/venv.sh", "requirements-dev.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name in ("sh", "cat", "id", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    done = shell("/bin/sh", str(tmp_path / "tools" / "venv.sh"), PYTHON=str(bare), PATH=str(tmp_path))
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_absent_system_packages_are_named_with_their_purpose(tmp_path: Path) -> None:
    for name in ("sh", "cat"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    listing = shell("/bin/sh", "tools/system.sh", "missing", PATH=str(tmp_path)).stdout.splitlines()
    assert {"chromium", "gettext", "openssl"} <= {line.split("|")[0] for line in listing}
    assert all(re.fullmatch(r"[a-z0-9-]+\|.{20,}", line) for line in listing)


def test_servers_that_exclude_each_other_are_never_handed_to_apt_together() -> None:
    """Installed in the usual way each would remove the others, Dovecot among them."""
    text = (ROOT / "tools/system.sh").read_text()
    apart = ["courier-pop", "popa3d", "mailutils-pop3d"]
    assert shell("/bin/sh", "tools/system.sh", "beside").stdout.split("|")[0] == apart[0]
    for package in apart:
        assert f"{package}|$servers/{package}|" in text
    assert "apt-get install" not in (ROOT / "tools/test.py").read_text()


def test_absent_peers_are_named_apart_from_what_tests_need(tmp_path: Path) -> None:
    for name in ("sh", "cat"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    listing = shell("/bin/sh", "tools/system.sh", "missing", "peers", PATH=str(tmp_path)).stdout.splitlines()
    assert [line.split("|")[0] for line in listing] == [peer.package for peer in peers.ALL]
    needed = shell("/bin/sh", "tools/system.sh", "missing", PATH=str(tmp_path)).stdout
    assert "mpop" not in needed


def test_the_locks_hold_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        pinned = re.findall(r"^[\w.\[\],-]+==\S+.*\\\n +--hash=sha256:[0-9a-f]{64}", text, re.M)
        assert len(pinned) == len(re.findall("^[a-z0-9]", text, re.M)) > 20
        assert "://" not in text


def test_whatever_runs_is_tested_in_the_same_version() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==([\w.]+)", (ROOT / name).read_text(), re.M))

    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()
