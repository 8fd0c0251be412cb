"""What `docs/operations.md` speaks of is there, under that very name."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest
from django.core.management import get_commands

from tests.catalogue import russian

TEXT = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()
QUOTED = re.findall(r"“([^”]+)”", "\n".join(re.findall("^### .*$", TEXT, re.MULTILINE)))


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_a_heading_quotes_stands_on_a_page(quoted: str) -> None:
    told = [entry.msgid for entry in polib.pofile(str(russian.PATH))]
    assert any(quoted in text for text in told)


def test_every_command_is_one_and_every_one_of_ours_is_told() -> None:
    named = set(re.findall(r"manage\.py ([a-z]+)", TEXT))
    named |= set(re.findall(r"`([a-z]+) audit`", TEXT))
    commands = get_commands()
    assert named <= set(commands)
    ours = {name for name, app in commands.items() if app in {"campaigns", "chatapp"}}
    assert ours <= named


def test_each_failure_says_what_to_do_and_what_to_leave() -> None:
    failures = TEXT.partition("## What to do when")[2].partition("\n## ")[0]
    for entry in failures.split("\n### ")[1:]:
        title, _, text = entry.partition("\n")
        told = set(re.findall(r"\*\*(You see|It means|Do|Don't)\*\*", text))
        if "“" in title:
            told.add("You see")
        assert told == {"You see", "It means", "Do", "Don't"}, title
