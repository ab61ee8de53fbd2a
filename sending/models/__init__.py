"""How mail goes out: servers, sender addresses, drafts, the outbox, signatures, templates, away replies."""

from sending.models.drafts import Draft, DraftFile
from sending.models.identities import AddressProof, Identity
from sending.models.new_mail import NewMailCheck
from sending.models.outbox import OutgoingMessage, OutgoingPart, OutgoingRecipient
from sending.models.servers import OutgoingServer
from sending.models.signatures_and_templates import Disclaimer, MessageTemplate, Signature, TemplateFile
from sending.models.vacation import VacationReply, VacationSent

__all__ = [
    "AddressProof",
    "Disclaimer",
    "Draft",
    "DraftFile",
    "Identity",
    "MessageTemplate",
    "NewMailCheck",
    "OutgoingMessage",
    "OutgoingPart",
    "OutgoingRecipient",
    "OutgoingServer",
    "Signature",
    "TemplateFile",
    "VacationReply",
    "VacationSent",
]
