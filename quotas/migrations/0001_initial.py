import django.db.models.deletion
import django.utils.timezone
from accounts.tenancy import Guard
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('position', models.PositiveIntegerField(default=0)),
                ('storage_bytes', models.BigIntegerField(verbose_name='storage in bytes')),
                ('mail_accounts', models.PositiveIntegerField(verbose_name='mail accounts')),
                ('members', models.PositiveIntegerField(verbose_name='members')),
                ('fetch_minutes', models.PositiveSmallIntegerField(default=3, verbose_name='minutes between two fetches, at least')),
                ('message_bytes', models.BigIntegerField(default=50000000, verbose_name='largest message in bytes')),
                ('recipients', models.PositiveIntegerField(default=500, verbose_name='recipients in 24 hours')),
            ],
            options={
                'verbose_name': 'plan',
                'verbose_name_plural': 'plans',
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='StorageMeter',
            fields=[
                ('organization', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='storage_meter', serialize=False, to='accounts.organization')),
                ('used', models.BigIntegerField(default=0)),
                ('limit', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'storage meter',
                'verbose_name_plural': 'storage meters',
                'constraints': [models.CheckConstraint(condition=models.Q(('used__gte', 0)), name='used_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='subscription', to='accounts.organization')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='quotas.plan')),
            ],
            options={
                'verbose_name': 'subscription',
                'verbose_name_plural': 'subscriptions',
            },
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('account_id', models.BigIntegerField(null=True)),
                ('bytes', models.BigIntegerField()),
                ('messages', models.IntegerField(default=0)),
                ('reason', models.CharField(choices=[('fetched', 'Fetched'), ('sent', 'Sent'), ('discarded', 'Deleted for good'), ('account_deleted', 'Account deleted'), ('recount', 'Recounted')], max_length=16)),
                ('organization', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'verbose_name': 'ledger entry',
                'verbose_name_plural': 'ledger entries',
                'indexes': [models.Index(fields=['organization', '-at'], name='quotas_ledg_organiz_8401e8_idx')],
            },
        ),
        Guard("quotas_subscription"),
        Guard("quotas_storagemeter"),
        Guard("quotas_ledgerentry"),
    ]
