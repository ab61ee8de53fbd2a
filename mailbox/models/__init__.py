"""What is kept: folders, labels, messages, attachments, raw bytes."""

from mailbox.models.labels import Label, MessageLabel
from mailbox.models.messages import Attachment, Folder, Message, RawPart

__all__ = ["Attachment", "Folder", "Label", "Message", "MessageLabel", "RawPart"]
