"""Letters that are refused rest for a while, those that came too short are known, and an account may be in lock-step."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('fetching', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='fetchstate',
            name='lockstep_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='remotemessage',
            name='retry_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='remotemessage',
            name='state',
            field=models.CharField(choices=[('listed', 'Waiting'), ('stored', 'Stored'), ('delete_wanted', 'Stored, to be deleted at the provider'), ('dele_sent', 'Stored, deletion not confirmed yet'), ('gone', 'Stored, no longer at the provider'), ('short', 'Stored, much shorter than the provider lists it'), ('too_big', 'Too big'), ('over_quota', 'Waiting for space'), ('quarantined', 'Set aside after repeated failures'), ('vanished', 'Disappeared at the provider before it was fetched'), ('skipped', 'Older than what was asked for')], max_length=16),
        ),
    ]
