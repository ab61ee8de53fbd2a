"""What the apps above may react to."""

from django.dispatch import Signal

# organization: Organization, plan: str (slug, may be ""). Sent inside the founding transaction and its scope.
organization_founded = Signal()

# account: MailAccount. Sent inside the transaction that created it.
mail_account_added = Signal()

# account: MailAccount. Sent inside the transaction, after the new settings were saved.
mail_account_changed = Signal()

# account: MailAccount. Sent inside the transaction, before the row is deleted.
mail_account_deleting = Signal()
