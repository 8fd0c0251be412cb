from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS


# How long something takes is not for a test.
@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"pace"}))
def test_what_fuzzing_begins_with_has_every_property(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds():
        assert len(seed) <= target.longest
        target.check(seed)
    target.check(b"")
