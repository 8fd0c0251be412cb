"""What pages and jobs find when they ask for rows."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class KeptManager(models.Manager[Row]):
    """Finds the rows that were not deleted; those wait to be removed by the worker."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().filter(deleted_at__isnull=True)
