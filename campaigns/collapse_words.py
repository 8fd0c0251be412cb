"""What stopped a line, in words: deliveries that collapsed, a backup put back."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns import restored_words
from campaigns.collapse import OLD_ENOUGH, Evidence
from campaigns.restored import Findings
from campaigns.wording import time_span
from chatapp import words


def told(reason: str) -> str:
    """The text that came with a code; facts become a sentence."""
    return facts(reason) or words.translated(reason)


def facts(reason: str) -> str:
    """The sentence for what a stopped line keeps as its reason, if it is no text."""
    if findings := Findings.read(reason):
        return restored_words.said(findings)
    evidence = Evidence.read(reason)
    return said(evidence) if evidence else ""


def said(evidence: Evidence) -> str:
    """ "Of the last 20 older than 15 min, 3 were delivered; before: 18." """
    found = _("Of the last {count} older than {age}, {n} were delivered").format(
        count=evidence.count, age=time_span(OLD_ENOUGH), n=evidence.delivered
    )
    if not evidence.count_before:
        return f"{found}."
    before = _("before: {n}").format(n=evidence.before)
    return f"{found}; {before}."
