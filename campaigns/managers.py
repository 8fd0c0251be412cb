"""What pages and jobs find when they ask for rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class KeptManager(models.Manager[Row]):
    """Finds the rows that were not deleted; those wait to be removed by the worker."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().filter(deleted_at__isnull=True)

    def held(self, pk: int) -> Row:
        """The row, held until the transaction ends; raises DoesNotExist."""
        return self.select_for_update().get(pk=pk)

    def all_held(self, pks: Iterable[int]) -> list[Row]:
        """These rows as they are by now, maybe deleted; held, one by one by id."""
        return list(self.by_id(*pks).order_by("pk").select_for_update())

    def by_id(self, *pks: int) -> models.QuerySet[Row]:
        """The rows by nothing but their ids, to update them; hold them before.

        With a condition on any column that has an index MariaDB may go by that index
        and takes its entry before the row. Whoever holds the row and changes it takes
        them the other way round, and the two wait for each other.
        """
        return super().get_queryset().filter(pk__in=pks)
