"""People, organizations, mail accounts, audit."""

from accounts.models.audit import AuditEvent
from accounts.models.mail_accounts import MailAccount
from accounts.models.people import Invitation, Membership, Organization, Role, User
from accounts.models.system_mail import SystemMail

__all__ = [
    "AuditEvent",
    "Invitation",
    "MailAccount",
    "Membership",
    "Organization",
    "Role",
    "SystemMail",
    "User",
]
