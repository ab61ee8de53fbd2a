"""A home with small mailboxes, and a provider that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailhub.demo.maildrop import Maildrop
from tests.mailhub.demo.server import ALICE, AWKWARD, SHOP, Running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose mailboxes were filled by the test: writing the letters takes a second."""
    mail = tmp_path / "demo" / "mail"
    Maildrop(ALICE, mail / ALICE).fill(AWKWARD)
    Maildrop(SHOP, mail / SHOP).fill({})
    return tmp_path


@pytest.fixture
def provider(home: Path) -> Iterator[Running]:
    with Running(home) as running:
        yield running
