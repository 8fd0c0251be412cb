"""What a line did, or why it sent nothing, from moment to moment.

The worker writes it down every minute, so that every hour can be explained afterwards;
where nothing is written no worker was there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from campaigns.hindrances import Hindrance, Kind, look_around_lines, why_not_now
from campaigns.models import Campaign, LineClock, LineSpell
from campaigns.states import CampaignStatus

SENDING = "sending"
NOBODY = Kind.NO_WORKER
# A spell is prolonged by whoever comes within this; later, nobody was there between.
NO_LONGER = timedelta(minutes=5)


@dataclass(frozen=True)
class Spell:
    """A stretch of time with one reason: a `hindrances.Kind`, or SENDING."""

    kind: str
    code: str
    since: datetime
    until: datetime

    @property
    def lasts(self) -> timedelta:
        return self.until - self.since


def note_spells() -> None:
    """Writes down what every line does now that has ever sent."""
    lines = list(LineClock.objects.values_list("line", flat=True))
    around = look_around_lines(lines)
    paused = set(
        Campaign.objects.filter(
            line__in=lines, status=CampaignStatus.PAUSED, waiting__gt=0
        ).values_list("line", flat=True)
    )
    for line_id in lines:
        queue = around.queues.get(line_id)
        if queue:
            hindrance = why_not_now(queue[0], around)
        else:
            waits = Kind.PAUSED if line_id in paused else Kind.NOTHING_WAITS
            hindrance = Hindrance(waits)
        kind, code = (hindrance.kind, hindrance.code) if hindrance else (SENDING, "")
        _prolong(line_id, kind, code, around.now)


def read_spells(line_id: int, since: datetime, until: datetime) -> list[Spell]:
    """The spells of a line between two moments, without gaps, the first one first.

    By the index (line, until).
    """
    rows = LineSpell.objects.filter(line=line_id, until__gt=since, since__lt=until)
    first = LineSpell.objects.filter(line=line_id).order_by("until").first()
    # Before the first of all nobody could have written anything.
    begins = max(since, first.since) if first else until
    return list(_without_gaps(rows.order_by("until"), begins, until))


def _without_gaps(
    rows: Iterable[LineSpell], since: datetime, until: datetime
) -> Iterator[Spell]:
    at = since
    for row in rows:
        spell = Spell(row.kind, row.code, max(row.since, at), min(row.until, until))
        if spell.lasts <= timedelta():
            continue
        if spell.since > at:
            yield Spell(NOBODY, "", at, spell.since)
        yield spell
        at = spell.until
    if until - at > NO_LONGER:
        yield Spell(NOBODY, "", at, until)


def _prolong(line_id: int, kind: str, code: str, now: datetime) -> None:
    with transaction.atomic():
        spells = LineSpell.objects.select_for_update().filter(line=line_id)
        last = spells.order_by("-until").first()
        is_near = last is not None and now - last.until <= NO_LONGER
        if last and is_near and (last.kind, last.code) == (kind, code):
            LineSpell.objects.filter(pk=last.pk).update(until=max(now, last.until))
            return
        since = last.until if last and is_near else now
        LineSpell.objects.create(
            line_id=line_id, kind=kind, code=code, since=min(since, now), until=now
        )
