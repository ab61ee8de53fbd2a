"""What the apps above may react to."""

from django.dispatch import Signal

# organization: Organization, plan: str (slug, may be ""). Sent inside the founding transaction and its scope.
organization_founded = Signal()

# account: MailAccount. Sent inside the transaction that created it.
mail_account_added = Signal()

# account: MailAccount, is_reach: bool (settings of how the mailbox is reached were tested and saved, not only a
# name). Sent inside the transaction, after saving.
mail_account_changed = Signal()

# account: MailAccount. Sent inside the transaction that hides it: nothing is to be fetched or sent any more.
mail_account_deleting = Signal()

# accounts: Sequence[MailAccount] of one organization. Within its scope; a receiver returns accounts.unsent.UnsentMail.
unsent_mail_asked = Signal()

# accounts: Sequence[MailAccount]. Inside a transaction: what waits in them to be sent shall go out at once.
unsent_mail_wanted = Signal()
# account: MailAccount, held (accounts/locks.py). Sent again and again, each time inside a transaction of its own:
# receivers delete a batch of what is theirs, and answer whether more may be left. The row goes when nothing is.
mail_account_emptying = Signal()
