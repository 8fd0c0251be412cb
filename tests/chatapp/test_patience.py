from __future__ import annotations

import pytest
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_none,
)

from chatapp.patience import patiently


class Busy(Exception):
    pass


class Work:
    """Fails as often as it is told to, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.calls: list[tuple[int, str]] = []

    async def __call__(self, number: int, *, name: str) -> str:
        self.calls.append((number, name))
        if self._failures:
            raise self._failures.pop(0)
        return f"{name} {number}"


class Asked:
    """Makes the policy, and knows how often it was asked and what it saw."""

    def __init__(self) -> None:
        self.times = 0
        self.attempts: list[int] = []

    def __call__(self) -> AsyncRetrying:
        self.times += 1
        return AsyncRetrying(
            retry=retry_if_exception_type(Busy),
            wait=wait_none(),
            stop=stop_after_attempt(3),
            after=self._note,
            reraise=True,
        )

    def _note(self, state: RetryCallState) -> None:
        self.attempts.append(state.attempt_number)


async def test_it_asks_for_no_policy_while_all_goes_well() -> None:
    work, asked = Work(), Asked()
    assert await patiently(asked, work, 7, name="line") == "line 7"
    assert (work.calls, asked.times) == ([(7, "line")], 0)


async def test_the_failure_is_the_policys_first_attempt() -> None:
    work, asked = Work(Busy(), Busy()), Asked()
    assert await patiently(asked, work, 7, name="line") == "line 7"
    assert len(work.calls) == 3
    assert asked.attempts == [1, 2]


async def test_it_gives_up_when_the_policy_does() -> None:
    failures = [Busy("1"), Busy("2"), Busy("3")]
    work = Work(*failures)
    with pytest.raises(Busy, match="3"):
        await patiently(Asked(), work, 7, name="line")
    assert len(work.calls) == 3


async def test_what_the_policy_does_not_know_is_raised_at_once() -> None:
    work = Work(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await patiently(Asked(), work, 7, name="line")
    assert len(work.calls) == 1
