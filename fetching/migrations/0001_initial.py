import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from accounts.tenancy import Guard
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('mailbox', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='FetchDefaults',
            fields=[
                ('interval_minutes', models.PositiveSmallIntegerField(default=5, validators=[django.core.validators.MinValueValidator(3), django.core.validators.MaxValueValidator(60)], verbose_name='minutes between two fetches')),
                ('is_adaptive', models.BooleanField(default=False, verbose_name='less often while nothing comes')),
                ('messages_per_cycle', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(20), django.core.validators.MaxValueValidator(200)], verbose_name='messages a fetch at the most')),
                ('first_fetch', models.CharField(choices=[('everything', 'Everything'), ('last_days', 'The last days'), ('only_new', 'Only what arrives from now on')], default='everything', max_length=12)),
                ('first_days', models.PositiveSmallIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='days back')),
                ('newest_first', models.BooleanField(default=True, verbose_name='newest mail first')),
                ('delete_policy', models.CharField(choices=[('keep', 'Leave it at the provider'), ('after_storing', 'Delete it there at once'), ('after_days', 'Delete it there some days later'), ('when_deleted_here', 'Delete it there when I delete it here for good')], default='keep', max_length=20)),
                ('delete_after_days', models.PositiveSmallIntegerField(default=14, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='days until deleting')),
                ('max_message_bytes', models.BigIntegerField(blank=True, null=True, verbose_name='largest message in bytes')),
                ('arrive_read', models.BooleanField(default=False, verbose_name='new mail arrives as read')),
                ('organization', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='fetch_defaults', serialize=False, to='accounts.organization')),
            ],
            options={
                'verbose_name': 'fetch defaults',
                'verbose_name_plural': 'fetch defaults',
            },
        ),
        migrations.CreateModel(
            name='FetchSettings',
            fields=[
                ('interval_minutes', models.PositiveSmallIntegerField(default=5, validators=[django.core.validators.MinValueValidator(3), django.core.validators.MaxValueValidator(60)], verbose_name='minutes between two fetches')),
                ('is_adaptive', models.BooleanField(default=False, verbose_name='less often while nothing comes')),
                ('messages_per_cycle', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(20), django.core.validators.MaxValueValidator(200)], verbose_name='messages a fetch at the most')),
                ('first_fetch', models.CharField(choices=[('everything', 'Everything'), ('last_days', 'The last days'), ('only_new', 'Only what arrives from now on')], default='everything', max_length=12)),
                ('first_days', models.PositiveSmallIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='days back')),
                ('newest_first', models.BooleanField(default=True, verbose_name='newest mail first')),
                ('delete_policy', models.CharField(choices=[('keep', 'Leave it at the provider'), ('after_storing', 'Delete it there at once'), ('after_days', 'Delete it there some days later'), ('when_deleted_here', 'Delete it there when I delete it here for good')], default='keep', max_length=20)),
                ('delete_after_days', models.PositiveSmallIntegerField(default=14, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='days until deleting')),
                ('max_message_bytes', models.BigIntegerField(blank=True, null=True, verbose_name='largest message in bytes')),
                ('arrive_read', models.BooleanField(default=False, verbose_name='new mail arrives as read')),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='fetch_settings', serialize=False, to='accounts.mailaccount')),
                ('folder', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailbox.folder')),
                ('label', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailbox.label')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'fetch settings',
                'verbose_name_plural': 'fetch settings',
            },
        ),
        migrations.CreateModel(
            name='MailServer',
            fields=[
                ('host', models.CharField(max_length=253, primary_key=True, serialize=False)),
                ('connections', models.PositiveSmallIntegerField(default=4)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_failed_account', models.BigIntegerField(null=True)),
                ('closed_until', models.DateTimeField(null=True)),
                ('lockstep_until', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'mail server',
                'verbose_name_plural': 'mail servers',
                'indexes': [models.Index(condition=models.Q(('failures__gt', 0)), fields=['host'], name='servers_in_trouble')],
            },
        ),
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
                ('error_text', models.CharField(blank=True, max_length=200)),
                ('times', models.PositiveIntegerField(default=1)),
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
                ('server', models.CharField(max_length=253)),
                ('mailbox', models.BinaryField(max_length=32)),
                ('not_before', models.DateTimeField(null=True)),
                ('is_slow', models.BooleanField(default=True)),
                ('skip_before', models.DateTimeField(null=True)),
                ('seen_messages', models.PositiveIntegerField(null=True)),
                ('seen_bytes', models.BigIntegerField(null=True)),
                ('seen_uidl', models.BinaryField(null=True)),
                ('listed_at', models.DateTimeField(null=True)),
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
                'indexes': [models.Index(condition=models.Q(('next_run_at__isnull', False)), fields=['next_run_at'], name='fetch_due'), models.Index(condition=models.Q(('next_run_at__isnull', False)), fields=['server', 'next_run_at'], name='fetch_due_of_server'), models.Index(condition=models.Q(('lease_until__isnull', False)), fields=['lease_until'], name='fetch_leased'), models.Index(fields=['mailbox'], name='fetch_of_mailbox')],
            },
        ),
        migrations.CreateModel(
            name='RemoteMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uidl', models.BinaryField()),
                ('occurrence', models.PositiveSmallIntegerField(default=0)),
                ('size', models.BigIntegerField(null=True)),
                ('state', models.CharField(choices=[('listed', 'Waiting'), ('stored', 'Stored'), ('delete_wanted', 'Stored, to be deleted at the provider'), ('dele_sent', 'Stored, deletion not confirmed yet'), ('gone', 'Stored, no longer at the provider'), ('too_big', 'Too big'), ('over_quota', 'Waiting for space'), ('quarantined', 'Set aside after repeated failures'), ('vanished', 'Disappeared at the provider before it was fetched'), ('skipped', 'Older than what was asked for')], max_length=16)),
                ('first_seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('stored_at', models.DateTimeField(null=True)),
                ('missing_since', models.DateTimeField(null=True)),
                ('message_id', models.BigIntegerField(null=True)),
                ('sha256', models.BinaryField(max_length=32, null=True)),
                ('header_sha256', models.BinaryField(max_length=32, null=True)),
                ('sender', models.CharField(blank=True, max_length=200)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('error_code', models.CharField(blank=True, max_length=40)),
                ('error_text', models.CharField(blank=True, max_length=200)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='remote_messages', to='accounts.mailaccount')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'remote message',
                'verbose_name_plural': 'remote messages',
                'indexes': [models.Index(fields=['account', 'sha256'], name='remote_message_bytes'), models.Index(condition=models.Q(('state__in', ['stored', 'delete_wanted', 'dele_sent', 'gone']), _negated=True), fields=['account', 'state', 'id'], name='remote_messages_not_here')],
                'constraints': [models.UniqueConstraint(models.F('account'), models.Func('uidl', function='sha256', output_field=models.BinaryField()), models.F('occurrence'), name='each_remote_message_once')],
            },
        ),
        Guard("fetching_fetchstate"),
        Guard("fetching_remotemessage"),
        Guard("fetching_fetchrun"),
        Guard("fetching_fetchsettings"),
        Guard("fetching_fetchdefaults"),
    ]
