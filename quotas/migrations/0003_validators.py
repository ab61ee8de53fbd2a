from django.core.validators import MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('quotas', '0002_unused_choices'),
    ]

    operations = [
        migrations.AlterField(
            model_name='plan',
            name='fetch_minutes',
            field=models.PositiveSmallIntegerField(default=3, validators=[MinValueValidator(1)], verbose_name='minutes between two fetches, at least'),
        ),
        migrations.AlterField(
            model_name='plan',
            name='members',
            field=models.PositiveIntegerField(validators=[MinValueValidator(1)], verbose_name='members'),
        ),
        migrations.AlterField(
            model_name='plan',
            name='message_bytes',
            field=models.BigIntegerField(default=50000000, validators=[MinValueValidator(1)], verbose_name='largest message in bytes'),
        ),
        migrations.AlterField(
            model_name='plan',
            name='storage_bytes',
            field=models.BigIntegerField(validators=[MinValueValidator(0)], verbose_name='storage in bytes'),
        ),
    ]
