"""Addresses below /o/<slug>/ about sending, a list for each room."""

from django.urls import path

from sending.views import (
    addresses,
    compose,
    draft_attachments,
    outbox,
    servers,
    signatures,
    templates,
    text_preview,
    vacation,
)

servers_and_addresses = [
    path("settings/accounts/<int:account>/sending/", servers.sending_server, name="sending_server"),
    path("settings/accounts/<int:account>/sending/test/", servers.sending_test, name="sending_test"),
    path(
        "settings/accounts/<int:account>/sending/test/<str:test>/",
        servers.sending_status,
        name="sending_status",
    ),
    path("settings/accounts/<int:account>/sending/save/", servers.sending_save, name="sending_save"),
    path("settings/accounts/<int:account>/sending/relay/", servers.sending_relay, name="sending_relay"),
    path("settings/addresses/", addresses.addresses, name="addresses"),
    path("settings/addresses/new/", addresses.address_new, name="address_new"),
    path("settings/addresses/<int:identity>/", addresses.address_edit, name="address_edit"),
    path("settings/addresses/<int:identity>/remove/", addresses.address_remove, name="address_remove"),
    path("settings/addresses/<int:identity>/default/", addresses.address_default, name="address_default"),
    path("settings/addresses/<int:identity>/verify/", addresses.address_verify, name="address_verify"),
    path("settings/addresses/<int:identity>/code/", addresses.address_code, name="address_code"),
]

outbox_pages = [
    path("mail/<int:account>/outbox/", outbox.outbox, name="outbox"),
    path("mail/<int:account>/outbox/resume/", outbox.outbox_resume, name="outbox_resume"),
    path("mail/outgoing/<int:outgoing>/", outbox.outgoing, name="outgoing"),
    path("mail/outgoing/<int:outgoing>/try-now/", outbox.outgoing_try_now, name="outgoing_try_now"),
    path("mail/outgoing/<int:outgoing>/send-again/", outbox.outgoing_send_again, name="outgoing_send_again"),
    path("mail/outgoing/<int:outgoing>/arrived/", outbox.outgoing_arrived, name="outgoing_arrived"),
    path("mail/outgoing/<int:outgoing>/take-off/", outbox.outgoing_take_off, name="outgoing_take_off"),
    path("mail/message/<int:message>/sending/", outbox.message_sending, name="message_sending"),
]

writing = [
    path("settings/signatures/", signatures.signatures, name="signatures"),
    path("settings/signatures/new/<int:account>/", signatures.signature_new, name="signature_new"),
    path("settings/signatures/<int:signature>/", signatures.signature_edit, name="signature_edit"),
    path("settings/signatures/<int:signature>/delete/", signatures.signature_delete, name="signature_delete"),
    path("settings/templates/", templates.message_templates, name="message_templates"),
    path("settings/templates/new/", templates.message_template_new, name="message_template_new"),
    path("settings/templates/<int:template>/", templates.message_template_edit, name="message_template_edit"),
    path(
        "settings/templates/<int:template>/delete/",
        templates.message_template_delete,
        name="message_template_delete",
    ),
    path("settings/writing/preview/", text_preview.writing_preview, name="writing_preview"),
    path("settings/away/", vacation.away, name="away"),
    path("settings/away/all/", vacation.away_all, name="away_all"),
    path("settings/away/sentence/", vacation.away_sentence, name="away_sentence"),
    path("settings/away/<int:account>/", vacation.away_account, name="away_account"),
    path("console/disclaimer/", signatures.disclaimer, name="disclaimer"),
]

writing_a_letter = [
    path("mail/write/", compose.write, name="write"),
    path("mail/write/contacts/", compose.write_contacts, name="write_contacts"),
    path("mail/write/<int:draft>/", compose.draft, name="draft"),
    path("mail/write/<int:draft>/save/", compose.draft_save, name="draft_save"),
    path("mail/write/<int:draft>/below/", compose.draft_below, name="draft_below"),
    path("mail/write/<int:draft>/delete/", compose.draft_delete, name="draft_delete"),
    path("mail/write/<int:draft>/files/", draft_attachments.draft_file_add, name="draft_file_add"),
    path("mail/write/<int:draft>/files/<int:file>/", draft_attachments.draft_file, name="draft_file"),
    path(
        "mail/write/<int:draft>/files/<int:file>/remove/",
        draft_attachments.draft_file_remove,
        name="draft_file_remove",
    ),
    path("mail/<int:account>/drafts/", compose.drafts_of, name="drafts"),
    path("mail/message/<int:message>/answer/", compose.answer, name="answer"),
    path("mail/outgoing/<int:outgoing>/take-back/", compose.outgoing_take_back, name="outgoing_take_back"),
]

urlpatterns = [*writing_a_letter, *servers_and_addresses, *outbox_pages, *writing]
