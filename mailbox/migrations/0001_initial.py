import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from accounts.tenancy import Guard
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Folder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('inbox', 'Inbox'), ('drafts', 'Drafts'), ('sent', 'Sent'), ('spam', 'Spam'), ('trash', 'Trash'), ('own', 'Folder')], default='own', max_length=8)),
                ('name', models.CharField(blank=True, max_length=100, verbose_name='name')),
                ('position', models.PositiveIntegerField(default=0)),
                ('messages_count', models.PositiveIntegerField(default=0, editable=False)),
                ('unread_count', models.PositiveIntegerField(default=0, editable=False)),
                ('size', models.BigIntegerField(default=0, editable=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='folders', to='accounts.mailaccount')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'folder',
                'verbose_name_plural': 'folders',
                'ordering': ['position', django.db.models.functions.text.Lower('name'), 'id'],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sent_at', models.DateTimeField()),
                ('date_text', models.CharField(blank=True, max_length=200)),
                ('stored_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('size', models.BigIntegerField()),
                ('sha256', models.BinaryField(max_length=32)),
                ('subject', models.TextField(blank=True)),
                ('from_name', models.TextField(blank=True)),
                ('from_address', models.TextField(blank=True)),
                ('recipients', models.JSONField(default=dict)),
                ('preview', models.TextField(blank=True)),
                ('message_id', models.TextField(blank=True)),
                ('in_reply_to', models.TextField(blank=True)),
                ('references', models.JSONField(default=list)),
                ('is_read', models.BooleanField(default=False)),
                ('is_starred', models.BooleanField(default=False)),
                ('has_attachments', models.BooleanField(default=False)),
                ('is_undecodable', models.BooleanField(default=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='accounts.mailaccount')),
                ('folder', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='mailbox.folder')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                ('trashed_from', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailbox.folder')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
            },
        ),
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('filename', models.CharField(blank=True, max_length=255)),
                ('content_type', models.CharField(max_length=100)),
                ('size', models.BigIntegerField()),
                ('content_id', models.CharField(blank=True, max_length=300)),
                ('is_inline', models.BooleanField(default=False)),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='mailbox.message')),
            ],
            options={
                'verbose_name': 'attachment',
                'verbose_name_plural': 'attachments',
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='RawPart',
            fields=[
                ('pk', models.CompositePrimaryKey('message_id', 'part', blank=True, editable=False, primary_key=True, serialize=False)),
                ('part', models.PositiveSmallIntegerField(default=0)),
                ('data', models.BinaryField()),
                ('message', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='raw_parts', to='mailbox.message')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'raw message',
                'verbose_name_plural': 'raw messages',
            },
        ),
        migrations.CreateModel(
            name='Label',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, verbose_name='name')),
                ('hue', models.CharField(choices=[('blue', 'blue'), ('teal', 'teal'), ('ochre', 'ochre'), ('red', 'red'), ('magenta', 'magenta'), ('violet', 'violet'), ('green', 'green'), ('slate', 'slate')], default='blue', max_length=8)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='accounts.mailaccount')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'label',
                'verbose_name_plural': 'labels',
                'ordering': [django.db.models.functions.text.Lower('name'), 'id'],
            },
        ),
        migrations.CreateModel(
            name='MessageLabel',
            fields=[
                ('pk', models.CompositePrimaryKey('label_id', 'message_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('sent_at', models.DateTimeField()),
                ('label', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailbox.label')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailbox.message')),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'label of a message',
                'verbose_name_plural': 'labels of messages',
            },
        ),
        migrations.AddField(
            model_name='message',
            name='labels',
            field=models.ManyToManyField(editable=False, related_name='messages', through='mailbox.MessageLabel', to='mailbox.label'),
        ),
        migrations.AddConstraint(
            model_name='folder',
            constraint=models.UniqueConstraint(condition=models.Q(('role', 'own'), _negated=True), fields=('account', 'role'), name='one_folder_of_each_role'),
        ),
        migrations.AddConstraint(
            model_name='folder',
            constraint=models.UniqueConstraint(models.F('account'), django.db.models.functions.text.Lower('name'), condition=models.Q(('role', 'own')), name='one_folder_of_each_name'),
        ),
        migrations.AddConstraint(
            model_name='label',
            constraint=models.UniqueConstraint(models.F('account'), django.db.models.functions.text.Lower('name'), name='one_label_of_each_name'),
        ),
        migrations.AddIndex(
            model_name='messagelabel',
            index=models.Index(fields=['label', '-sent_at', '-message'], name='label_list'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['folder', '-sent_at', '-id'], name='message_list'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('is_read', False)), fields=['folder', '-sent_at', '-id'], name='message_unread_list'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['account'], name='message_account'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('trashed_from__isnull', False)), fields=['trashed_from'], name='message_trashed_from'),
        ),
        Guard("mailbox_folder"),
        Guard("mailbox_message"),
        Guard("mailbox_attachment"),
        Guard("mailbox_rawpart"),
        Guard("mailbox_label"),
        Guard("mailbox_messagelabel"),
        # zstd already did what TOAST would try again.
        migrations.RunSQL("ALTER TABLE mailbox_rawpart ALTER COLUMN data SET STORAGE EXTERNAL", migrations.RunSQL.noop),
    ]
