"""The soak's Celery application (`celery -A tools.soak_app`): Mailhub's own, with a quick clock and heart.

A tick a second instead of every five, so that two minutes hold enough of them. Leases are shortened in the soak's
database (tools/soak.py), and a session's heart must beat faster than they end.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailhub.settings")
django.setup()

from fetching.scheduler import claims  # noqa: E402
from mailhub.celery import app  # noqa: E402

__all__ = ["app"]

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 2

claims.HEARTBEAT_SECONDS = HEARTBEAT_SECONDS
app.conf.beat_schedule["dispatch due accounts"]["schedule"] = TICK_SECONDS
