"""Addresses below /o/<slug>/ about sending, a list for each room."""

from django.urls import path

from sending.views import addresses, servers

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

urlpatterns = [*servers_and_addresses]
