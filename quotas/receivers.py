"""A new organization starts on the default plan."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from accounts.models import Organization
from accounts.signals import organization_founded
from quotas.models import Plan
from quotas.services import DEFAULT_PLAN, subscribe


@receiver(organization_founded)
def start_plan(sender: type[Organization], organization: Organization, plan: str, **kwargs: Any) -> None:
    """Subscribe to the plan that was asked for, else to the free one. Raises Plan.DoesNotExist."""
    subscribe(organization, Plan.objects.get(slug=plan or DEFAULT_PLAN))
