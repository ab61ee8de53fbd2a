"""Addresses below /o/<slug>/mail/."""

from django.urls import path

from mailbox.views import actions, lists, managing, pieces, reading

urlpatterns = [
    path("", lists.mail, name="mail"),
    path("all/", lists.mail_all, name="mail_all"),
    path("fresh/", lists.mail_fresh, name="mail_fresh"),
    path("act/", actions.mail_act, name="mail_act"),
    path("<int:account>/", lists.mail_account, name="mail_account"),
    path("folder/<int:folder>/", lists.folder, name="folder"),
    path("folder/<int:folder>/empty/", actions.folder_empty, name="folder_empty"),
    path("folder/<int:folder>/edit/", managing.folder_edit, name="folder_edit"),
    path("folder/<int:folder>/delete/", managing.folder_delete, name="folder_delete"),
    path("label/<int:label>/", lists.label, name="label"),
    path("label/<int:label>/edit/", managing.label_edit, name="label_edit"),
    path("label/<int:label>/delete/", managing.label_delete, name="label_delete"),
    path("<int:account>/folders/", managing.mail_folders, name="mail_folders"),
    path("<int:account>/folders/new/", managing.folder_new, name="folder_new"),
    path("<int:account>/labels/new/", managing.label_new, name="label_new"),
    path("message/<int:message>/", reading.message, name="message"),
    path("message/<int:message>/star/", actions.message_star, name="message_star"),
    path("message/<int:message>/body/", pieces.message_body, name="message_body"),
    path("message/<int:message>/original/", reading.message_original, name="message_original"),
    path("message/<int:message>/download/", pieces.message_download, name="message_download"),
    path("message/<int:message>/attachment/<int:position>/", pieces.attachment, name="attachment"),
    path("message/<int:message>/inline/<int:position>/", pieces.inline_part, name="inline_part"),
]
