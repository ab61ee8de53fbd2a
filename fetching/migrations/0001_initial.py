import django.db.models.deletion
import django.db.models.functions.datetime
from accounts.tenancy import Guard
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='FetchRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('interrupted', 'Interrupted')], default='running', max_length=12)),
                ('listed', models.PositiveIntegerField(default=0)),
                ('listed_bytes', models.BigIntegerField(default=0)),
                ('wanted', models.PositiveIntegerField(default=0)),
                ('wanted_bytes', models.BigIntegerField(default=0)),
                ('stored', models.PositiveIntegerField(default=0)),
                ('stored_bytes', models.BigIntegerField(default=0)),
                ('deleted', models.PositiveIntegerField(default=0)),
                ('error_code', models.CharField(blank=True, max_length=40)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='accounts.mailaccount')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'fetch run',
                'verbose_name_plural': 'fetch runs',
                'indexes': [models.Index(fields=['account', '-id'], name='runs_of_account')],
            },
        ),
        migrations.CreateModel(
            name='FetchState',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='fetch_state', serialize=False, to='accounts.mailaccount')),
                ('status', models.CharField(choices=[('active', 'Up to date'), ('backing_off', 'Trying again soon'), ('failed', 'Needs you'), ('paused_quota', 'Waiting for space'), ('paused', 'Paused')], default='active', max_length=16)),
                ('next_run_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('lease_token', models.UUIDField(null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('interval_seconds', models.PositiveIntegerField(default=300)),
                ('last_started_at', models.DateTimeField(null=True)),
                ('last_success_at', models.DateTimeField(null=True)),
                ('paused_since', models.DateTimeField(null=True)),
                ('first_fetch_done', models.BooleanField(default=False)),
                ('error_code', models.CharField(blank=True, max_length=40)),
                ('error_text', models.CharField(blank=True, max_length=200)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('authentication_failures', models.PositiveIntegerField(default=0)),
                ('connection_failures', models.PositiveIntegerField(default=0)),
                ('waiting_messages', models.PositiveIntegerField(default=0)),
                ('waiting_bytes', models.BigIntegerField(default=0)),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'fetch state',
                'verbose_name_plural': 'fetch states',
                'indexes': [models.Index(condition=models.Q(('next_run_at__isnull', False)), fields=['next_run_at'], name='fetch_due')],
            },
        ),
        migrations.CreateModel(
            name='RemoteMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uidl', models.BinaryField()),
                ('occurrence', models.PositiveSmallIntegerField(default=0)),
                ('size', models.BigIntegerField(null=True)),
                ('state', models.CharField(choices=[('listed', 'Waiting'), ('stored', 'Stored'), ('delete_wanted', 'Stored, to be deleted at the provider'), ('dele_sent', 'Stored, deletion not confirmed yet'), ('gone', 'Stored, no longer at the provider'), ('too_big', 'Too big'), ('over_quota', 'Waiting for space'), ('quarantined', 'Set aside after repeated failures'), ('vanished', 'Disappeared at the provider before it was fetched')], max_length=16)),
                ('first_seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('stored_at', models.DateTimeField(null=True)),
                ('missing_since', models.DateTimeField(null=True)),
                ('message_id', models.BigIntegerField(null=True)),
                ('sha256', models.BinaryField(max_length=32, null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('error_code', models.CharField(blank=True, max_length=40)),
                ('error_text', models.CharField(blank=True, max_length=200)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='remote_messages', to='accounts.mailaccount')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'remote message',
                'verbose_name_plural': 'remote messages',
                'indexes': [models.Index(fields=['account', 'sha256'], name='remote_message_bytes')],
                'constraints': [models.UniqueConstraint(models.F('account'), models.Func('uidl', function='sha256', output_field=models.BinaryField()), models.F('occurrence'), name='each_remote_message_once')],
            },
        ),
        Guard("fetching_fetchstate"),
        Guard("fetching_remotemessage"),
        Guard("fetching_fetchrun"),
    ]
