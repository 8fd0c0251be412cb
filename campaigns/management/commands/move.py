"""`manage.py move`: from the embedded SQLite to a MySQL of your own."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from tqdm import tqdm

from asgi_app import env
from asgi_app.database import orm_now
from asgi_app.installation import Installation
from asgi_app.preflight import FolderInUse, only_one
from campaigns import moving
from campaigns.heartbeat import alive


class Command(BaseCommand):
    help = (
        "Moves the embedded SQLite database with all its data to an empty MySQL or "
        "MariaDB. Stop the program before. The SQLite file is put aside afterwards, "
        "so that nothing can be sent from it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to",
            required=True,
            metavar="mysql://user:password@host:port/name",
            help="the address that DATABASE_URL will have",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError("the settings name no SQLite database to move from")
        if not options["to"].startswith(("mysql://", "mariadb://")):
            raise CommandError("--to: must begin with mysql://")
        try:
            database = env.database("--to", options["to"])
            env.require_mysql_drivers("--to")
            here = Installation()
            with only_one(here.lock_file, self.stdout.write):
                here.migrate(self.stdout.write)
                self._move(database)
        except FolderInUse as error:
            raise CommandError(f"stop the program first: {error}") from None
        except env.SettingError as error:
            raise CommandError(str(error)) from None

    def _move(self, database: dict[str, object]) -> None:
        there = alive(orm_now())
        if names := ", ".join(there.values_list("name", flat=True)):
            raise CommandError(
                f"stop the program first: a worker was seen within the last 30 s"
                f" ({names})"
            )
        try:
            moving.open_target(database)
            total, hidden = moving.count_rows(), not sys.stderr.isatty()
            with tqdm(total=total, unit="row", disable=hidden) as bar:
                counts = moving.move(seen=bar.update)
        except moving.CannotMove as error:
            raise CommandError(f"--to: {error}") from None
        except Error as error:
            raise CommandError(f"--to: {' '.join(map(str, error.args))}") from None
        for table, count in counts.items():
            if count:
                self.stdout.write(f"{count:>10} {table}")
        aside = moving.put_aside()
        self.stdout.write(
            f"{sum(counts.values())} rows moved and counted on both sides.\n"
            f"The SQLite file is {aside} now. Set DATABASE_URL to the new address,\n"
            "see that `manage.py campaign audit` finds nothing, and start the program."
        )
