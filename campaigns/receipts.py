"""What is said of a list: counted, and carried by the form until it is stored.

A browser does not send a file again, so what was said of it travels with the form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from django.core import signing

from campaigns.recipients import PhoneList, Reason, Remark

_SALT = "campaigns.remarks"


@dataclass(frozen=True)
class Tally:
    """How many remarks give the same reason."""

    reason: str
    is_kept: bool
    count: int


def tally(remarks: Iterable[Remark]) -> list[Tally]:
    """Counts the remarks by reason, what was left out first."""
    counts = Counter((remark.kept, remark.reason) for remark in remarks)
    return [
        Tally(reason, kept, counts[kept, reason]) for kept, reason in sorted(counts)
    ]


def pack(remarks: Iterable[Remark]) -> str:
    """The remarks as one signed line of text; empty for none."""
    packed = [asdict(remark) for remark in remarks]
    return signing.dumps(packed, salt=_SALT, compress=True) if packed else ""


def unpack(text: str) -> tuple[Remark, ...]:
    """What `pack` made; nothing of what was tampered with or made by an older key."""
    if not text:
        return ()
    try:
        packed = signing.loads(text, salt=_SALT)
        return tuple(Remark(**{**r, "reason": Reason(r["reason"])}) for r in packed)
    except (signing.BadSignature, TypeError, ValueError, KeyError):
        return ()


def with_earlier(phones: PhoneList, earlier: Iterable[Remark]) -> PhoneList:
    """Puts remarks about a file, whose numbers are typed text by now, to the list.

    One that named a kept number holds only while the number is there; the same one
    about the typed text would say it twice.
    """
    kept = {recipient.phone for recipient in phones.recipients}
    valid = tuple(r for r in earlier if not r.kept or r.phone in kept)
    said = {(remark.phone, remark.reason) for remark in valid if remark.kept}
    fresh = tuple(
        remark for remark in phones.remarks if (remark.phone, remark.reason) not in said
    )
    return PhoneList(phones.recipients, (*fresh, *valid), phones.lines)
