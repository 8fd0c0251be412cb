"""Moves the embedded SQLite database, with all that is in it, to an empty MySQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from campaigns.models import UploadPiece, WorkerBeat

SOURCE, TARGET = "default", "move_target"
CHUNK = 500
# Pieces of uploads have half a mebibyte each, and a packet a limit.
BIG_CHUNK = 8
MOVED = ".moved"

Model = type[models.Model]


class CannotMove(Exception):
    """Nothing was moved for good; the text says why, and what to do."""


def open_target(database: dict[str, object]) -> BaseDatabaseWrapper:
    """Connects to the database that is to be filled, and makes its tables.

    Raises CannotMove unless it is empty, and the driver's errors.
    """
    connections.settings[TARGET] = {**connections.settings[SOURCE], **database}
    target = connections[TARGET]
    ours = {model._meta.db_table for model in apps.get_models()}
    ours.add(MigrationRecorder.Migration._meta.db_table)
    with target.cursor() as cursor:
        others = set(target.introspection.table_names(cursor)) - ours
    if others:
        raise CannotMove(f"it holds other tables: {', '.join(sorted(others)[:5])}")
    call_command("migrate", database=TARGET, interactive=False, verbosity=0)
    full = [m._meta.db_table for m in _models() if _rows(m, TARGET).exists()]
    if full:
        raise CannotMove(
            f"it is not empty ({', '.join(full[:5])}): what an earlier try has left is "
            "removed with DROP DATABASE and CREATE DATABASE … CHARACTER SET utf8mb4"
        )
    return target


def count_rows() -> int:
    """How many rows there are to move."""
    return sum(_rows(model, SOURCE).count() for model in _models())


def move(seen: Callable[[int], object] = lambda count: None) -> dict[str, int]:
    """Copies all rows; returns their numbers by table, as both databases count them.

    Nobody writes meanwhile: it holds SQLite's one lock. Raises CannotMove where the
    numbers differ afterwards, or a row points to none.
    """
    target = connections[TARGET]
    with transaction.atomic(using=SOURCE):
        with target.constraint_checks_disabled():
            for model in _models():
                for rows in _chunks(model):
                    _rows(model, TARGET).bulk_create(rows)
                    seen(len(rows))
        counts = {}
        for model in _models():
            there, here = (_rows(model, alias).count() for alias in (TARGET, SOURCE))
            if there != here:
                table = model._meta.db_table
                raise CannotMove(f"{table} has {there} rows there and {here} here")
            counts[model._meta.db_table] = here
        target.check_constraints([model._meta.db_table for model in _models()])
        _keep_numbering(target)
    return counts


def put_aside() -> Path:
    """Renames the SQLite file, so that nothing can be sent from it again."""
    source = connections[SOURCE]
    path = Path(source.settings_dict["NAME"])
    with source.cursor() as cursor:
        # All of it into the one file that is renamed.
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    source.close()
    aside = path.with_name(path.name + MOVED)
    path.rename(aside)
    return aside


def _models() -> list[Model]:
    """Who works is no data: a worker tells of itself anew."""
    return [
        model
        for model in apps.get_models()
        if model._meta.managed and model is not WorkerBeat
    ]


def _rows(model: Model, alias: str) -> models.QuerySet[Any]:
    return model._base_manager.using(alias).order_by("pk")


def _chunks(model: Model) -> Iterator[list[models.Model]]:
    size = BIG_CHUNK if model is UploadPiece else CHUNK
    rows = _rows(model, SOURCE)
    chunk = list(rows[:size])
    while chunk:
        yield chunk
        chunk = list(rows.filter(pk__gt=chunk[-1].pk)[:size])


def _keep_numbering(target: BaseDatabaseWrapper) -> None:
    """Lets no number of a deleted row be given out a second time."""
    tables = {model._meta.db_table for model in _models()}
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("SELECT name, seq FROM sqlite_sequence")
        last = {name: int(seq) for name, seq in cursor.fetchall() if name in tables}
    with target.cursor() as cursor:
        for table, number in last.items():
            name = target.ops.quote_name(table)
            cursor.execute(f"ALTER TABLE {name} AUTO_INCREMENT = {number + 1}")
