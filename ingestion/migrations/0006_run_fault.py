from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0005_event_unfinished"),
    ]

    operations = [
        migrations.AddField(
            model_name="ingestrun",
            name="clock_offset",
            field=models.DurationField(
                blank=True,
                help_text="This machine's clock less the upstream's, as it was seen.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="ingestrun",
            name="fault",
            field=models.CharField(
                blank=True,
                choices=[("upstream", "the upstream's"), ("ours", "ours")],
                db_default="",
                default="",
                help_text="Whose fault its problems were, if any.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="ingestrun",
            name="schedule_refreshed",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="The calendars of each season asked for were read and saved.",
            ),
        ),
        migrations.AlterField(
            model_name="ingestrun",
            name="trigger",
            field=models.CharField(
                help_text="What started it: command, poll, schedule, sweep, admin.", max_length=20
            ),
        ),
    ]
