"""How a job ends: counted, its error kept, or put off while the database is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError

from asgi_app.database import DatabaseAway, in_orm
from campaigns.failed_jobs import keep_failure
from campaigns.heartbeat import Heartbeat

Ctx = dict[Any, Any]
P = ParamSpec("P")
T = TypeVar("T")


async def counted(job: Callable[..., Awaitable[None]], ctx: Ctx, *args: Any) -> None:
    """Runs a job, counts it for the queue page, and keeps the error that ended it."""
    heartbeat: Heartbeat | None = ctx.get("heartbeat")
    try:
        await job(ctx, *args)
    except DatabaseAway:
        raise
    except Exception as error:
        worker = heartbeat.name if heartbeat else ""
        await keep_failure(job.__name__, args, worker=worker, error=error)
        if heartbeat:
            heartbeat.ended(job.__name__, failed=True)
        raise
    if heartbeat:
        heartbeat.ended(job.__name__, failed=False)


async def in_orm_or_away(
    function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Raises DatabaseAway, as the ledger does, where the ORM has its own error."""
    try:
        return await in_orm(function, *args, **kwargs)
    except OperationalError as error:
        raise DatabaseAway(str(error)) from error
