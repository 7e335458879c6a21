from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0010_permissions"),
    ]

    operations = [
        migrations.CreateModel(
            name="Season",
            fields=[],
            options={
                "verbose_name": "season",
                "verbose_name_plural": "seasons",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("ingestion.event",),
        ),
    ]
