"""A new instance gets its plans, a new organization the default one."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.dispatch import receiver

from accounts.models import Organization
from accounts.signals import organization_founded
from quotas.models import Plan
from quotas.services import DEFAULT_PLAN, make_plans, subscribe


def fill_plans(sender: AppConfig, **kwargs: Any) -> None:
    """After `migrate` (connected in apps.py), so that also a database emptied by `flush` can found organizations."""
    if Plan._meta.db_table in connection.introspection.table_names():  # not after `migrate quotas zero`
        make_plans()


@receiver(organization_founded)
def start_plan(sender: type[Organization], organization: Organization, plan: str, **kwargs: Any) -> None:
    """Subscribe to the plan that was asked for, else to the free one. Raises Plan.DoesNotExist."""
    subscribe(organization, Plan.objects.get(slug=plan or DEFAULT_PLAN))
