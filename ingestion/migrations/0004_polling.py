import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0003_event_settled_results"),
    ]

    operations = [
        migrations.CreateModel(
            name="Poll",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("season", models.PositiveSmallIntegerField()),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "answered_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the upstream last answered, with news or without.",
                        null=True,
                    ),
                ),
                (
                    "good_until",
                    models.DateTimeField(
                        blank=True,
                        help_text="Until then the upstream gives the same answer to everybody (its Expires).",
                        null=True,
                    ),
                ),
                (
                    "next_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When to ask again; while it is being asked, when that is given up.",
                        null=True,
                    ),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0, help_text="In a row.")),
                ("trouble", models.TextField(blank=True, help_text="The last failure in words.")),
                (
                    "rounds",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Of the calendars: Jolpica's round numbers by grand prix, ours may differ.",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="requestblock",
            name="purpose",
            field=models.CharField(
                choices=[("poll", "poll"), ("backfill", "backfill")],
                db_default="poll",
                default="poll",
                max_length=8,
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["ends_at"], name="event_ends_at"),
        ),
        migrations.AddField(
            model_name="poll",
            name="event",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="poll",
                to="ingestion.event",
            ),
        ),
        migrations.AddConstraint(
            model_name="poll",
            constraint=models.UniqueConstraint(
                condition=models.Q(("event", None)),
                fields=("season",),
                name="poll_of_calendars_once",
            ),
        ),
    ]
