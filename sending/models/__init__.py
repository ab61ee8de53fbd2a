"""How mail goes out: servers, sender addresses, drafts, the outbox, signatures, templates, away replies."""

from sending.models.drafts import Draft, DraftFile
from sending.models.identities import AddressProof, Identity
from sending.models.outbox import OutgoingMessage, OutgoingPart, OutgoingRecipient
from sending.models.servers import OutgoingServer
from sending.models.vacations import VacationReply, VacationSent
from sending.models.writing import Disclaimer, MessageTemplate, Signature, TemplateFile

__all__ = [
    "AddressProof",
    "Disclaimer",
    "Draft",
    "DraftFile",
    "Identity",
    "MessageTemplate",
    "OutgoingMessage",
    "OutgoingPart",
    "OutgoingRecipient",
    "OutgoingServer",
    "Signature",
    "TemplateFile",
    "VacationReply",
    "VacationSent",
]
