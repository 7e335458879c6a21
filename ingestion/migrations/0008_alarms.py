import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0007_task_runs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Alarm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=160)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("broken", "we are broken"),
                            ("silent", "the upstream is silent"),
                            ("attention", "a person has to look"),
                        ],
                        max_length=10,
                    ),
                ),
                ("message", models.TextField()),
                ("raised_at", models.DateTimeField()),
                (
                    "told_at",
                    models.DateTimeField(
                        blank=True, help_text="When somebody was told.", null=True
                    ),
                ),
                ("cleared_at", models.DateTimeField(blank=True, null=True)),
                ("all_clear_told_at", models.DateTimeField(blank=True, null=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-raised_at", "-pk"],
            },
        ),
        migrations.AddField(
            model_name="alarm",
            name="acknowledged_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="alarm",
            index=models.Index(fields=["cleared_at"], name="alarm_cleared_at"),
        ),
        migrations.AddConstraint(
            model_name="alarm",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cleared_at", None)), fields=("key",), name="alarm_open_once"
            ),
        ),
    ]
