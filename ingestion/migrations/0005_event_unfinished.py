from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0004_polling"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("status__in", ["scheduled", "live"])),
                fields=["status"],
                name="event_unfinished",
            ),
        ),
    ]
