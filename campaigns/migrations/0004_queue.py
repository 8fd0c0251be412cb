from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_desk")]

    operations = [
        migrations.AddField(
            model_name="workerbeat",
            name="jobs",
            field=models.JSONField(default=dict),
        ),
    ]
