from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from asgi_app.database import DatabaseAway, DatabaseError, in_orm
from campaigns import failed_jobs
from campaigns.failed_jobs import in_text, keep_failure
from campaigns.heartbeat import Heartbeat
from campaigns.jobs import deliver
from campaigns.models import FailedJob

pytestmark = pytest.mark.usefixtures("transactional_db")


class Broken:
    """A line's loop that ends with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def serve(self, line_id: int) -> datetime | None:
        raise self.error


def context(error: Exception, heartbeat: Heartbeat | None = None) -> dict[str, Any]:
    resources = SimpleNamespace(sending=Broken(error))
    return {"resources": resources, "heartbeat": heartbeat}


async def kept() -> list[FailedJob]:
    return await in_orm(lambda: list(FailedJob.objects.order_by("pk")))


async def test_an_error_of_the_program_is_kept_and_raised_again() -> None:
    heartbeat = Heartbeat("host:1")
    with pytest.raises(ZeroDivisionError):
        await deliver(context(ZeroDivisionError("by zero"), heartbeat), 7)
    (failed,) = await kept()
    assert (failed.job, failed.worker) == ("deliver(7)", "host:1")
    first, _, trace = failed.error.partition("\n")
    assert first == "ZeroDivisionError: by zero"
    assert "in serve" in trace


async def test_a_failed_job_is_counted_as_one() -> None:
    heartbeat = Heartbeat("host:1")
    with pytest.raises(ZeroDivisionError):
        await deliver(context(ZeroDivisionError(), heartbeat), 7)
    runs = heartbeat._runs["deliver"]
    assert (runs.ended, runs.failed) == (1, 1)


async def test_a_statement_that_was_refused_is_kept() -> None:
    await deliver(context(DatabaseError("unknown column")), 7)
    assert [f.error.partition("\n")[0] for f in await kept()] == [
        "DatabaseError: unknown column"
    ]


async def test_a_database_that_is_away_is_no_failed_job() -> None:
    heartbeat = Heartbeat("host:1")
    await deliver(context(DatabaseAway("gone"), heartbeat), 7)
    assert await kept() == []
    assert heartbeat._runs == {}


async def test_what_cannot_be_kept_is_logged_and_the_error_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> datetime:
        raise OperationalError("gone away")

    monkeypatch.setattr(failed_jobs, "orm_now", away)
    with pytest.raises(ZeroDivisionError):
        await deliver(context(ZeroDivisionError()), 7)
    assert "the failure of deliver(7) is told by this log alone" in caplog.text
    assert await kept() == []


async def test_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_jobs, "KEPT", 3)
    for number in range(5):
        await keep_failure("deliver", (number,), worker="", error=ValueError())
    assert [failed.job for failed in await kept()] == [
        "deliver(2)",
        "deliver(3)",
        "deliver(4)",
    ]


def test_no_secret_is_kept_not_even_half_of_one(settings: Settings) -> None:
    secret = "s3cret-and-more"
    settings.MASKED_SECRETS = [secret]
    # The line is cut in the middle of where the secret stood.
    room = failed_jobs.LONGEST_LINE - len("ValueError: ") - 4
    text = in_text(ValueError("x" * room + secret))
    assert "s3cr" not in text


def test_a_long_error_is_cut_and_half_a_letter_is_escaped() -> None:
    text = in_text(ValueError("\ud83d" + "y" * 100_000))
    assert len(text) < failed_jobs.LONGEST_LINE + failed_jobs.LONGEST_TRACE + 20
    assert text.startswith("ValueError: \\ud83d")
