"""What was found in the chats after a backup was put back, in words."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from campaigns.restored import Findings


def said(findings: Findings) -> str:
    """ "Looked for so far: 40; had been sent: 3; in doubt: 0." """
    return _(
        "Looked for so far: {looked}; had been sent: {found}; in doubt: {doubtful}."
    ).format(
        looked=_number(findings.looked),
        found=_number(findings.found),
        doubtful=_number(findings.doubtful),
    )


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)
