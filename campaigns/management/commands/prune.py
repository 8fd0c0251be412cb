"""`manage.py prune`: how long personal data is kept."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from asgi_app.database import orm_now
from campaigns import pruning

# Half a year: as long as people complain and accounts are settled, and no longer.
DEFAULT = "180d"


class Command(BaseCommand):
    help = (
        "Removes finished and cancelled campaigns in which nothing moved for so long, "
        "with their phones, texts, answers and histories, and what else is as old. "
        "Never what waits, is under way or unsure, never drafts, never the stop list. "
        "Made for a timer: once a day."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            type=_age,
            default=DEFAULT,
            metavar="180d",
            help="days (180d) or weeks (26w); 180d, if unset",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be removed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        age: timedelta = options["older_than"]
        if age < timedelta(days=settings.COOLING_OFF_DAYS):
            raise CommandError(
                f"--older-than: COOLING_OFF_DAYS looks back {settings.COOLING_OFF_DAYS}"
                " days, and must find what was sent"
            )
        before = orm_now() - age
        found = pruning.count(before)
        if not options["dry_run"]:
            hidden = not sys.stderr.isatty()
            with tqdm(unit="piece", disable=hidden) as bar:
                pruning.prune(before, seen=bar.update)
        verb = "would be removed" if options["dry_run"] else "removed"
        shown = ", ".join(f"{n} {name}" for name, n in found.items() if n)
        self.stdout.write(
            f"older than {before:%Y-%m-%d %H:%M} UTC, {verb}: {shown or 'nothing'}"
        )


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,3})([dw])", text)
    if not found:
        raise ArgumentTypeError(f"“{text}” is not a number of days such as {DEFAULT}")
    days = int(found[1]) * (7 if found[2] == "w" else 1)
    return timedelta(days=days)
