"""tenacity at the price of a plain call, as long as the call succeeds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying

P = ParamSpec("P")
T = TypeVar("T")


async def patiently(
    retrying: Callable[[], AsyncRetrying],
    work: Callable[P, Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Does something, and only once it has failed asks `retrying` what to do about it.

    To tenacity that failure is its first attempt. Made for each call, as it must be
    (tasks that share one mix up their attempts), an AsyncRetrying costs a fifth of a
    millisecond, which is as much as half of what a message costs besides.
    """
    try:
        return await work(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  raised again as the first attempt
        first: list[Exception] = [error]

    async def again() -> Any:
        if first:
            raise first.pop()
        return await work(*args, **kwargs)

    found: T = await retrying()(again)
    return found
