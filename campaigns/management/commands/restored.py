"""`manage.py restored`: what must follow when a backup was put back."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from asgi_app.database import orm_now
from campaigns.heartbeat import alive
from campaigns.models import Campaign
from campaigns.restoring import StoodStill, stand_still


class Command(BaseCommand):
    help = (
        "Run it after a backup was put back and before the worker starts: every line "
        "stands still until what waits has been looked for in its chat, because it may "
        "have been sent since the backup. Again it only looks again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--skip-drafts",
            action="store_true",
            help="look for nothing of drafts: none was started since the backup",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not Campaign.including_deleted.exists():
            raise CommandError(
                "there is no campaign in this database: the backup was not put back"
            )
        is_there = alive(orm_now()).exists()
        done = stand_still(with_drafts=not options["skip_drafts"])
        if is_there:
            self.stderr.write(
                "a worker was seen within the last 30 s: of the backup, or one that "
                "runs and may have sent something again before this command"
            )
        self.stdout.write(_said(done))


def _said(done: StoodStill) -> str:
    known = (
        f"the backup knows of nothing after {done.backed_up_at:%Y-%m-%d %H:%M:%S} UTC"
        if done.backed_up_at
        else "the backup knows of nothing that happened"
    )
    lines = [
        f"{done.lines} lines stand still; {known}.",
        f"To be looked for in the chats, by the worker, from a minute on:"
        f" {done.waiting} that wait, {done.failed} that were refused,"
        f" {done.unsure} unsure; {done.claimed} were under way and become unsure.",
        "Then each line waits for “Go on” on its page. Before you press it:",
        "pause or cancel what was paused or cancelled since the backup, and put who "
        "was added to the stop list since on it again.",
    ]
    if done.running:
        lines.append("These will go on: " + ", ".join(done.running))
    return "\n".join(lines)
