from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0007_message_awake")]

    operations = [migrations.RemoveIndex(model_name="message", name="message_zone")]
