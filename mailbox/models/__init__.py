"""What is kept: folders, messages, attachments, raw bytes."""

from mailbox.models.messages import Attachment, Folder, Message, RawPart

__all__ = ["Attachment", "Folder", "Message", "RawPart"]
