from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0013_run_fault_of_nobody"),
    ]

    operations = [
        migrations.AddField(
            model_name="poll",
            name="both_read_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Of the calendars: when both were last read together.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="poll",
            name="file_digest",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Of the calendars: what the schedule file said then, in short.",
                max_length=64,
            ),
        ),
    ]
