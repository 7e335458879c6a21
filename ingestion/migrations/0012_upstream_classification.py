import django.core.serializers.json
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0011_season"),
    ]

    operations = [
        migrations.CreateModel(
            name="UpstreamClassification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "classification",
                    models.JSONField(
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        help_text="Its entries in order, as the feed keeps them.",
                    ),
                ),
                ("source", models.CharField(max_length=20)),
                (
                    "generated_at",
                    models.DateTimeField(
                        blank=True, help_text="When the upstream made it, UTC.", null=True
                    ),
                ),
                ("seen_at", models.DateTimeField(help_text="When it was first seen, UTC.")),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="upstream_classification",
                        to="ingestion.event",
                    ),
                ),
            ],
        ),
    ]
