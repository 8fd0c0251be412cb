from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from asgi_app.database import orm_now
from campaigns import imports, listing, services, uploads
from campaigns.list_files import from_file
from campaigns.models import (
    Campaign,
    ListRemark,
    Message,
    StopEntry,
    Upload,
    UploadPiece,
)
from campaigns.pacing import Delays
from campaigns.recipients import PhoneList, Reason, Recipient
from campaigns.states import Pacing, UploadState
from chatapp.models import Line
from tests.campaigns import lists

DELAYS = Delays(0, 0, random.Random(1))
STEP = 10


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", STEP)
    monkeypatch.setattr(uploads, "PIECE_LENGTH", 64)


def table(count: int) -> str:
    """Rows of which each tenth repeats the first phone."""
    rows = [f"N{n};8999000{n if n % 10 else 0:04}" for n in range(count)]
    return "name;phone\n" + "\n".join(rows)


def importing(
    line: Line, text: str = "Hi {name}", *, count: int = 95, typed: str = ""
) -> Campaign:
    source = from_file("a.csv", table(count).encode(), region="RU").kept()
    assert source.upload
    recipients = (Recipient(typed, 7),) if typed else ()
    return services.create_campaign(
        name="Sale",
        text=text,
        line=line,
        pacing=Pacing.ONE_AFTER_ANOTHER,
        phones=PhoneList(recipients, (), len(recipients)),
        delays=DELAYS,
        operator="anna",
        upload=(source.upload, source.layout),
    )


def go_on(campaign: Campaign, batches: int = 1000) -> bool:
    """Imports so many batches; the worker is told to stop after them."""
    left = iter(range(batches - 1))
    return imports.go_on(
        upload_id=campaign.upload.pk,
        delays=DELAYS,
        region="RU",
        is_to_stop=lambda: next(left, None) is None,
    )


def upload_of(campaign: Campaign) -> Upload:
    return Upload.objects.get(campaign=campaign)


def test_an_upload_comes_in_from_its_pieces(line: Line) -> None:
    campaign = importing(line)
    assert UploadPiece.objects.count() > 10
    assert go_on(campaign)
    assert lists.counts(campaign) == {"waiting": 86}
    assert campaign.list_lines == 95
    upload = upload_of(campaign)
    assert (upload.state, upload.rows_done) == (UploadState.DONE, 96)
    assert not UploadPiece.objects.exists()
    assert Message.objects.get(phone="+79990000042").fields == {"name": "N42"}


def test_a_double_names_the_line_of_an_earlier_batch(line: Line) -> None:
    campaign = importing(line)
    go_on(campaign)
    doubles = ListRemark.objects.filter(reason=Reason.DOUBLE)
    assert list(doubles.values_list("line", "first_line", "first_source")) == [
        (n, 2, "a.csv") for n in range(12, 96, 10)
    ]


def test_what_was_typed_comes_before_the_file(line: Line) -> None:
    campaign = importing(line, "Hi", typed="+79990000033")
    go_on(campaign)
    double = ListRemark.objects.get(raw="89990000033")
    assert (double.reason, double.line) == (Reason.DOUBLE, 35)
    assert (double.first_line, double.first_source) == (7, "")


def test_an_import_that_was_stopped_goes_on_where_it_was(line: Line) -> None:
    campaign = importing(line)
    assert not go_on(campaign, batches=3)
    assert Message.objects.count() == 28
    assert upload_of(campaign).rows_done == 31
    assert go_on(campaign)
    assert lists.counts(campaign) == {"waiting": 86}
    assert campaign.list_lines == 95
    assert ListRemark.objects.count() == 9


def test_an_import_that_dies_within_a_batch_stores_nothing_of_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = importing(line)
    assert not go_on(campaign, batches=2)
    with monkeypatch.context() as patched:
        patched.setattr(listing, "remark_row", None)
        with pytest.raises(TypeError):
            go_on(campaign)
    assert upload_of(campaign).rows_done == 21
    assert upload_of(campaign).errors == 1
    assert go_on(campaign)
    assert lists.counts(campaign) == {"waiting": 86}
    assert upload_of(campaign).errors == 0


def test_an_import_that_fails_again_and_again_is_given_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = importing(line)
    monkeypatch.setattr(listing, "remark_row", None)
    for _ in range(imports.MOST_ERRORS):
        with pytest.raises(TypeError):
            go_on(campaign)
    assert upload_of(campaign).state == UploadState.FAILED
    assert go_on(campaign)
    with pytest.raises(services.ListNotIn) as caught:
        services.start_campaign(campaign_id=campaign.pk, operator="anna")
    assert caught.value.has_failed


def test_of_two_imports_at_once_one_stores_a_batch(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = importing(line)
    real = imports._batches

    def slowly(*args: Any) -> Iterator[Any]:
        batches = real(*args)
        first = next(batches)
        monkeypatch.setattr(imports, "_batches", real)
        go_on(campaign, batches=2)
        yield first
        yield from batches

    monkeypatch.setattr(imports, "_batches", slowly)
    assert go_on(campaign)
    assert upload_of(campaign).rows_done == 21
    assert go_on(campaign)
    assert lists.counts(campaign) == {"waiting": 86}


def test_a_cancelled_draft_takes_nothing_more(line: Line) -> None:
    campaign = importing(line)
    go_on(campaign, batches=1)
    services.cancel_campaign(campaign_id=campaign.pk, operator="anna")
    assert go_on(campaign)
    assert upload_of(campaign).state == UploadState.STOPPED
    assert not UploadPiece.objects.exists()
    assert Message.objects.count() == 10


def test_a_deleted_draft_ends_its_import(line: Line) -> None:
    campaign = importing(line)
    pk = campaign.upload.pk
    Campaign.objects.all().delete()
    assert imports.go_on(upload_id=pk, delays=DELAYS, region="RU")


def test_a_draft_cannot_start_before_its_list_is_whole(line: Line) -> None:
    campaign = importing(line)
    go_on(campaign, batches=1)
    with pytest.raises(services.ListNotIn):
        services.start_campaign(campaign_id=campaign.pk, operator="anna")
    go_on(campaign)
    services.start_campaign(campaign_id=campaign.pk, operator="anna")


def test_who_is_on_the_stop_list_is_named_in_every_batch(line: Line) -> None:
    StopEntry.objects.create(phone="+79990000000")
    campaign = importing(line)
    go_on(campaign)
    assert lists.counts(campaign) == {"waiting": 85}
    assert set(ListRemark.objects.values_list("reason", flat=True)) == {"on_stop_list"}
    assert ListRemark.objects.count() == 10


def test_an_upload_goes_into_one_draft(line: Line) -> None:
    campaign = importing(line)
    upload = upload_of(campaign)
    layout = from_file("a.csv", table(3).encode(), region="RU").layout
    other = lists.draft(line, 1)
    with pytest.raises(uploads.AlreadyTaken) as caught, transaction.atomic():
        uploads.take(upload=upload, campaign=other, layout=layout)
    assert caught.value.campaign_id == campaign.pk


def test_what_was_never_saved_is_forgotten_after_a_day(line: Line) -> None:
    taken = importing(line).upload
    from_file("b.csv", table(3).encode(), region="RU").kept()
    now = orm_now()
    uploads.forget_unsaved(now=now + timedelta(hours=23))
    assert Upload.objects.count() == 2
    uploads.forget_unsaved(now=now + timedelta(hours=25))
    assert Upload.objects.get() == taken


def test_an_import_that_stands_still_is_seen(line: Line) -> None:
    campaign = importing(line)
    now = orm_now()
    assert uploads.standing_still(since=now - timedelta(seconds=20)) == []
    later = now + timedelta(seconds=1)
    assert uploads.standing_still(since=later) == [campaign.upload.pk]
    go_on(campaign)
    assert uploads.standing_still(since=later + timedelta(hours=1)) == []
