from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0009_poll_failing_since"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="alarm",
            options={
                "ordering": ["-raised_at", "-pk"],
                "permissions": [("acknowledge_alarm", "Can acknowledge alarms")],
            },
        ),
        migrations.AlterModelOptions(
            name="event",
            options={
                "ordering": ["season", "starts_at", "pk"],
                "permissions": [("correct_event", "Can correct events and classifications")],
            },
        ),
        migrations.AlterModelOptions(
            name="ingestrun",
            options={
                "ordering": ["-started_at", "-pk"],
                "permissions": [("run_ingest", "Can start ingests")],
            },
        ),
    ]
