"""What the apps above may react to."""

from django.dispatch import Signal

# account: MailAccount, message_ids: list[int], is_backlog: bool (mail that lay there when the account was connected,
# which nobody is to be notified of or answered). Sent inside the storing transaction and its scope.
messages_stored = Signal()

# account: MailAccount, message_ids: list[int]. Sent inside the deleting transaction, before the rows go.
messages_discarded = Signal()
