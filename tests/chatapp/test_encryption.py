from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from pytest_django.fixtures import Settings

from chatapp.encryption import SealBroken, seal, unseal

TOKEN = "$2y$10$abc/./é🙂"


def test_it_gives_back_what_was_sealed() -> None:
    assert unseal(seal(TOKEN)) == TOKEN


def test_what_is_sealed_shows_nothing_and_differs_each_time() -> None:
    first, second = seal(TOKEN), seal(TOKEN)
    assert first != second
    # Short pieces stand in base64 by chance; the whole token never does.
    assert TOKEN not in first
    assert TOKEN.encode() not in urlsafe_b64decode(first)


def test_a_former_key_still_opens_what_it_sealed(settings: Settings) -> None:
    settings.SECRET_KEY = "old key"
    sealed = seal(TOKEN)
    settings.SECRET_KEY = "new key"
    settings.SECRET_KEY_FALLBACKS = ["another", "old key"]
    assert unseal(sealed) == TOKEN


def test_the_newest_key_seals(settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = ["old key"]
    sealed = seal(TOKEN)
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(sealed) == TOKEN


def test_without_the_key_the_seal_is_broken(settings: Settings) -> None:
    settings.SECRET_KEY = "old key"
    sealed = seal(TOKEN)
    settings.SECRET_KEY = "new key"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(SealBroken):
        unseal(sealed)


@pytest.mark.parametrize("sealed", ["", "x", "é", "gAAAAA"])
def test_what_was_never_sealed_is_broken_too(sealed: str) -> None:
    with pytest.raises(SealBroken):
        unseal(sealed)
