"""The task queue: one Celery application, configured from Django's settings."""

import os

from celery import Celery

# Set here, not only in manage.py: a process that imports `mailhub` first would otherwise bind shared
# tasks to Celery's plain task class, which knows no `delay_on_commit`.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailhub.settings")

app = Celery("mailhub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
