"""Finding phones by what people remember of them: all of it, its beginning, its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
from django.db.models import Q, QuerySet

from campaigns.models import Campaign, Message
from campaigns.recipients import read_phone

MOST_FOUND = 100
TAIL = 4  # digits that `Message.phone_tail` holds
LONGEST = 15  # digits of E.164


@dataclass(frozen=True)
class Sought:
    """What may be meant: whole phones, beginnings with their plus, last digits."""

    whole: Sequence[str] = ()
    beginnings: Sequence[str] = ()
    ending: str = ""

    def __bool__(self) -> bool:
        return bool(self.whole or self.beginnings or self.ending)


@dataclass(frozen=True)
class Found:
    """Messages in the order of their phones; `is_cut` when there are more."""

    messages: Sequence[Message]
    is_cut: bool


def seek(text: str, *, region: str) -> Sought:
    """Reads what was typed; empty when there is no digit in it, or too many.

    `region` is the country whose national numbers are understood ("RU").
    """
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    if not digits or len(digits) > LONGEST + 3:  # an international prefix
        return Sought()
    whole = [r.phone for r in read_phone(text, region=region).recipients]
    if text.strip().startswith("+"):
        return Sought(whole, [f"+{digits}"])
    beginnings = [f"+{digits}"]
    country = phonenumbers.country_code_for_region(region)
    trunk = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    if country:
        beginnings.append(f"+{country}{digits}")
    if country and trunk and digits.startswith(trunk):
        beginnings.append(f"+{country}{digits.removeprefix(trunk)}")
    return Sought(whole, beginnings, digits if len(digits) >= TAIL else "")


def condition(sought: Sought) -> Q:
    """What is sought as one condition on `phone` and `phone_tail`; nothing for nothing.

    For a list that is read by its own key and not by the phone.
    """
    if not sought:
        return Q(pk__in=())
    ways = Q(phone__in=list(sought.whole))
    for start in sought.beginnings:
        ways |= _begins_with(start)
    if sought.ending:
        tail = sought.ending[-TAIL:]
        ways |= Q(phone_tail=tail, phone__endswith=sought.ending)
    return ways


def find_in_campaign(campaign: Campaign, sought: Sought) -> Found:
    """The messages of a campaign that may be meant.

    By the indexes (campaign, phone) and (campaign, phone_tail).
    """
    return find(Message.objects.filter(campaign=campaign), sought)


def find(rows: QuerySet[Message], sought: Sought) -> Found:
    """The messages that may be meant; at most MOST_FOUND of them.

    Each way to read the words is a query of its own, so that each has its index.
    """
    ways = [rows.filter(phone=phone) for phone in sought.whole]
    ways += [rows.filter(_begins_with(start)) for start in sought.beginnings]
    if sought.ending:
        tail = rows.filter(phone_tail=sought.ending[-TAIL:])
        # Some hundred of a million have the same last four digits.
        ways.append(tail.filter(phone__endswith=sought.ending))
    found: dict[int, Message] = {}
    for way in ways:
        # A second column to sort by would lead to the index of all campaigns' phones.
        for message in way.order_by("phone")[: MOST_FOUND + 1]:
            found.setdefault(message.pk, message)
    messages = sorted(found.values(), key=lambda message: (message.phone, message.pk))
    return Found(messages[:MOST_FOUND], is_cut=len(messages) > MOST_FOUND)


def _begins_with(start: str) -> Q:
    """A range of the index: LIKE would not use it everywhere."""
    digits = start.removeprefix("+")
    following = str(int(digits) + 1)
    if len(following) > len(digits):  # all nines
        return Q(phone__gte=start)
    return Q(phone__gte=start, phone__lt=f"+{following.zfill(len(digits))}")
