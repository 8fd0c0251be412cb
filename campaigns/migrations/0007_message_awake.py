from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0006_lifelines")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                fields=["campaign", "status", "zone", "delay_ms"], name="message_awake"
            ),
        ),
    ]
