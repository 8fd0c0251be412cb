import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0003_desk"),
        ("chatapp", "0002_callback"),
    ]

    operations = [
        migrations.CreateModel(
            name="LineRules",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rules",
                        serialize=False,
                        to="chatapp.line",
                    ),
                ),
                ("windows", models.JSONField(null=True)),
                ("days_off", models.JSONField(default=list)),
                ("in_recipients_zone", models.BooleanField(default=False)),
                ("hour_cap", models.PositiveIntegerField(null=True)),
                ("day_cap", models.PositiveIntegerField(null=True)),
                ("warm_up", models.JSONField(default=list)),
                ("edited_by", models.CharField(blank=True, max_length=150)),
                ("edited_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "rules of a line",
            },
        ),
        migrations.CreateModel(
            name="LineSpell",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=30)),
                ("code", models.CharField(blank=True, max_length=100)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
            ],
            options={
                "verbose_name": "spell of a line",
            },
        ),
        migrations.CreateModel(
            name="SliceMember",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
            options={
                "verbose_name": "member of a trial slice",
            },
        ),
        migrations.CreateModel(
            name="Writer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("phone", models.CharField(max_length=16)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "person who wrote",
            },
        ),
        migrations.AddField(
            model_name="campaign",
            name="is_line_test",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="slice_is_open",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="slice_size",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="start_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="use_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="day_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="day_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="hour_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="hour_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="is_resting",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="judged_from",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="lineclock",
            name="warm_days",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="message",
            name="zone",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                fields=["campaign", "status", "zone"], name="message_zone"
            ),
        ),
        migrations.AddIndex(
            model_name="campaign",
            index=models.Index(fields=["status", "start_at"], name="campaign_start"),
        ),
        migrations.AddIndex(
            model_name="campaign",
            index=models.Index(fields=["use_until"], name="campaign_use"),
        ),
        migrations.AddField(
            model_name="linespell",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="spells",
                to="chatapp.line",
            ),
        ),
        migrations.AddField(
            model_name="slicemember",
            name="campaign",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="slice",
                to="campaigns.campaign",
            ),
        ),
        migrations.AddField(
            model_name="slicemember",
            name="message",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, to="campaigns.message"
            ),
        ),
        migrations.AddField(
            model_name="writer",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="writers",
                to="chatapp.line",
            ),
        ),
        migrations.AddIndex(
            model_name="linespell",
            index=models.Index(fields=["line", "until"], name="spell_end"),
        ),
        migrations.AddConstraint(
            model_name="writer",
            constraint=models.UniqueConstraint(
                fields=("line", "phone"), name="one_writer_a_phone"
            ),
        ),
    ]
