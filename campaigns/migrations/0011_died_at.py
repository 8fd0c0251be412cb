from django.db import migrations, models


class Migration(migrations.Migration):
    """When a worker was found dead; an older worker leaves it empty."""

    dependencies = [("campaigns", "0010_timings")]

    operations = [
        migrations.AddField(
            model_name="workerbeat",
            name="died_at",
            field=models.DateTimeField(null=True),
        ),
    ]
