from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from chatapp import accounts
from chatapp.encryption import seal
from chatapp.models import Account

OLD, NEW = (
    "an old key, long enough for a setting",
    "a new key, long enough for a setting",
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(settings: Settings) -> Account:
    """Connected while OLD was the key."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    ends = timezone.now() + timedelta(days=1)
    return Account.objects.create(
        pk=1,
        sealed_access=seal("access"),
        sealed_refresh=seal("refresh"),
        access_ends_at=ends,
        refresh_ends_at=ends,
        version=7,
    )


def reseal() -> str:
    out = io.StringIO()
    call_command("reseal", stdout=out)
    return out.getvalue()


def pair() -> tuple[str, str] | None:
    found = accounts.read().pair
    return (found.access, found.refresh) if found else None


def test_after_it_the_former_key_is_not_needed(
    account: Account, settings: Settings
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert pair() == ("access", "refresh")
    assert "2 tokens" in reseal()
    settings.SECRET_KEY_FALLBACKS = []
    assert pair() == ("access", "refresh")
    # A renewal that was under way stores its pair all the same.
    assert accounts.read().version == account.version


def test_without_it_the_former_key_is_needed(
    account: Account, settings: Settings
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, []
    assert pair() is None and accounts.read().is_sealed_shut


def test_what_no_key_opens_is_said_and_left(
    account: Account, settings: Settings
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, ["k" * 40]
    with pytest.raises(CommandError, match="cannot be read"):
        reseal()
    settings.SECRET_KEY_FALLBACKS = [OLD]
    assert pair() == ("access", "refresh")


def test_a_pair_that_was_stored_meanwhile_is_not_overwritten(
    account: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seal_while_another_stores(text: str) -> str:
        Account.objects.update(sealed_access=seal("newer"), sealed_refresh=seal("pair"))
        return seal(text)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    monkeypatch.setattr("chatapp.resealing.seal", seal_while_another_stores)
    assert "0 tokens" in reseal()
    assert pair() == ("newer", "pair")


def test_with_nothing_connected_there_is_nothing_to_do() -> None:
    assert "0 tokens" in reseal()
