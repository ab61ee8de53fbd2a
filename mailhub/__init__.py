"""Mailhub's site: settings, address map, task queue, and the pages that need everybody."""

from mailhub.celery import app as celery_app

__all__ = ["celery_app"]
