"""Whether a claim was taken up: one that ran out in the queue is nobody's death."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sending', '0002_unused_choices'),
    ]

    operations = [
        migrations.AddField(
            model_name='outgoingmessage',
            name='has_begun',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
