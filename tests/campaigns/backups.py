"""A backup of the test's database, to be put back over what came after."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection

from asgi_app.database import in_orm


class Backup:
    """The tables as they were, to be put back over what came after."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "backup.sqlite3"
        self._rows: dict[str, tuple[str, list[tuple[Any, ...]]]] = {}

    async def take(self) -> None:
        await in_orm(self._take)

    async def put_back(self) -> None:
        await in_orm(self._put_back)

    def _take(self) -> None:
        if connection.vendor == "sqlite":
            _copy(str(connection.settings_dict["NAME"]), str(self._file))
            return
        with connection.cursor() as cursor:
            for model in apps.get_models():
                table = model._meta.db_table
                stored = [f for f in model._meta.local_fields if not f.generated]
                columns = ", ".join(f"`{field.column}`" for field in stored)
                cursor.execute(f"SELECT {columns} FROM `{table}`")
                self._rows[table] = columns, list(cursor.fetchall())

    def _put_back(self) -> None:
        if connection.vendor == "sqlite":
            _copy(str(self._file), str(connection.settings_dict["NAME"]))
            return
        with connection.constraint_checks_disabled(), connection.cursor() as cursor:
            for table, (columns, rows) in self._rows.items():
                cursor.execute(f"DELETE FROM `{table}`")
                if rows:
                    marks = ", ".join("%s" for _ in rows[0])
                    into = f"INSERT INTO `{table}` ({columns}) VALUES ({marks})"
                    cursor.executemany(into, rows)


def _copy(source: str, target: str) -> None:
    with (
        closing(sqlite3.connect(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
