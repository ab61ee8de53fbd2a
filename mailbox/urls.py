"""Addresses below /o/<slug>/mail/."""

from django.urls import path

from mailbox.views import folders_and_labels, message_actions, message_files, message_lists, message_page

urlpatterns = [
    path("", message_lists.mail, name="mail"),
    path("all/", message_lists.mail_all, name="mail_all"),
    path("fresh/", message_lists.mail_fresh, name="mail_fresh"),
    path("messages/read/", message_actions.messages_read, name="messages_read"),
    path("messages/unread/", message_actions.messages_unread, name="messages_unread"),
    path("messages/star/", message_actions.messages_star, name="messages_star"),
    path("messages/trash/", message_actions.messages_trash, name="messages_trash"),
    path("messages/put-back/", message_actions.messages_put_back, name="messages_put_back"),
    path("messages/spam/", message_actions.messages_spam, name="messages_spam"),
    path("messages/not-spam/", message_actions.messages_not_spam, name="messages_not_spam"),
    path("messages/move/", message_actions.messages_move, name="messages_move"),
    path("messages/label/", message_actions.messages_label, name="messages_label"),
    path("messages/undo/", message_actions.messages_undo, name="messages_undo"),
    path("messages/discard/", message_actions.messages_discard, name="messages_discard"),
    path("<int:account>/", message_lists.mail_account, name="mail_account"),
    path("folder/<int:folder>/", message_lists.folder, name="folder"),
    path("folder/<int:folder>/empty/", message_actions.folder_empty, name="folder_empty"),
    path("folder/<int:folder>/edit/", folders_and_labels.folder_edit, name="folder_edit"),
    path("folder/<int:folder>/delete/", folders_and_labels.folder_delete, name="folder_delete"),
    path("label/<int:label>/", message_lists.label, name="label"),
    path("label/<int:label>/edit/", folders_and_labels.label_edit, name="label_edit"),
    path("label/<int:label>/delete/", folders_and_labels.label_delete, name="label_delete"),
    path("<int:account>/folders/", folders_and_labels.mail_folders, name="mail_folders"),
    path("<int:account>/folders/new/", folders_and_labels.folder_new, name="folder_new"),
    path("<int:account>/labels/new/", folders_and_labels.label_new, name="label_new"),
    path("message/<int:message>/", message_page.message, name="message"),
    path("message/<int:message>/star/", message_actions.message_star, name="message_star"),
    path("message/<int:message>/body/", message_files.message_body, name="message_body"),
    path("message/<int:message>/original/", message_page.message_original, name="message_original"),
    path("message/<int:message>/download/", message_files.message_download, name="message_download"),
    path("message/<int:message>/attachment/<int:position>/", message_files.attachment, name="attachment"),
    path("message/<int:message>/inline/<int:position>/", message_files.inline_part, name="inline_part"),
]
