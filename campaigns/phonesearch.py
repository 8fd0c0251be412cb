"""Finding phones by what people remember of them: all, the beginning, the end."""

from __future__ import annotations

from django.db.models import Q

from campaigns.numbers import home_of

TAIL = 4
MOST_DIGITS = 15
# The longest phone with this beginning sorts no later, under any collation.
_FILL = "9" * (MOST_DIGITS + 1)


def phone_matches(text: str, *, region: str) -> Q | None:
    """A condition on `phone` and `phone_tail`; None where the text has no digit.

    The beginning counts with or without plus and country code, "8 903 …" as dialled at
    home, and the end from four digits on. Each is a range or an equality of an index.
    """
    digits = "".join(sign for sign in text if sign in "0123456789")
    if not digits:
        return None
    if len(digits) > MOST_DIGITS:
        return Q(pk__in=())
    beginnings = {digits}
    is_whole = text.strip().startswith("+")
    home = home_of(region)
    if not is_whole and home.code:
        beginnings.add(home.code + digits)
        if home.trunk and digits.startswith(home.trunk):
            beginnings.add(home.code + digits.removeprefix(home.trunk))
    found = Q()
    for beginning in sorted(beginnings):
        first = f"+{beginning}"
        last = (first + _FILL)[: MOST_DIGITS + 1]
        found |= Q(phone__gte=first, phone__lte=last)
    if len(digits) >= TAIL and not is_whole:
        found |= Q(phone_tail=digits[-TAIL:], phone__endswith=digits)
    return found
