from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0006_run_fault"),
    ]

    operations = [
        migrations.CreateModel(
            name="CreatedSchedule",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="TaskRun",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("starts", models.PositiveSmallIntegerField(default=1)),
                ("started_at", models.DateTimeField(help_text="The last time, UTC.")),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("is_given_up", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddIndex(
            model_name="taskrun",
            index=models.Index(fields=["started_at"], name="task_run_started_at"),
        ),
    ]
