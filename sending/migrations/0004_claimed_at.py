"""When a claim was taken: a session that lasts is slow while it lasts."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('sending', '0003_has_begun')]

    operations = [
        migrations.AddField("outgoingmessage", "claimed_at", models.DateTimeField(null=True)),
    ]
