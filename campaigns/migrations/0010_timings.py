from django.db import migrations, models


class Migration(migrations.Migration):
    """Times that workers count; an older worker does not know the table."""

    dependencies = [("campaigns", "0009_kept_answer")]

    operations = [
        migrations.CreateModel(
            name="TimingCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("kind", models.CharField(max_length=12)),
                ("label", models.CharField(max_length=40)),
                ("upto_ms", models.PositiveIntegerField()),
                ("count", models.PositiveBigIntegerField(default=0)),
                ("total_ms", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "count of times",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "label", "upto_ms"), name="one_count_a_bound"
                    ),
                ],
            },
        ),
    ]
