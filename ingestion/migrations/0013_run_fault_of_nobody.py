from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0012_upstream_classification"),
    ]

    operations = [
        # A choice more, and no change of the column.
        migrations.AlterField(
            model_name="ingestrun",
            name="fault",
            field=models.CharField(
                blank=True,
                choices=[
                    ("upstream", "the upstream's"),
                    ("ours", "ours"),
                    ("nobody", "nobody's"),
                ],
                db_default="",
                default="",
                help_text="Whose fault its problems were, if any.",
                max_length=8,
            ),
        ),
    ]
