"""The one reason why nothing is sent now, for pages and commands alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Max

from asgi_app.database import orm_now
from campaigns.clocks import LATE, read_clocks
from campaigns.forecast import LineNow, Work, lay_out
from campaigns.forecast_selectors import KnownLine, pace_now, to_send
from campaigns.heartbeat import alive
from campaigns.line_rules import rules_of_lines, tally_of, zones_waiting
from campaigns.models import Action, Campaign, LineClock, WorkerBeat
from campaigns.rules import HOUSE, Rules, Verdict, Why, may_send
from campaigns.states import CampaignStatus, Pacing
from campaigns.turns import due_since, runnable, turn_of
from chatapp.models import Account, Line, why_unusable


class Kind(StrEnum):
    """What stands in the way, the weightiest first: only one is told."""

    DATABASE_AWAY = "database_away"
    NOT_STARTED = "not_started"
    CANCELLED = "cancelled"
    NOTHING_WAITS = "nothing_waits"
    SCHEDULED = "scheduled"
    OF_NO_USE = "of_no_use"
    PAUSED = "paused"
    PAUSED_IDLE = "paused_idle"
    SLICE_WAITS = "slice_waits"
    NO_WORKER_YET = "no_worker_yet"
    NO_WORKER = "no_worker"
    ACCOUNT_REFUSED = "account_refused"
    LINE_UNUSABLE = "line_unusable"
    LINE_STOPPED = "line_stopped"
    LINE_BUSY = "line_busy"
    # The line's rules let it rest: the same names as those of `rules.Why`.
    DAY_OFF = "day_off"
    OUTSIDE_HOURS = "outside_hours"
    HOUR_CAP = "hour_cap"
    DAY_CAP = "day_cap"
    WARM_UP = "warm_up"
    HELD_BACK = "held_back"
    LATE = "late"


# Orders and ends, which need nobody's attention.
CALM = frozenset(
    {
        Kind.NOT_STARTED,
        Kind.CANCELLED,
        Kind.NOTHING_WAITS,
        Kind.SCHEDULED,
        Kind.OF_NO_USE,
        Kind.PAUSED,
        Kind.LINE_BUSY,
        *map(Kind, Why),
    }
)


@dataclass(frozen=True)
class Hindrance:
    """Why nothing is sent now.

    `code` and `reason` are those of the answer behind it, `by` is an operator, `ahead`
    the campaign that the line serves; `until` is when it ends by itself, where that can
    be told.
    """

    kind: Kind
    code: str = ""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    by: str = ""
    ahead: Campaign | None = None
    line: Line | None = None
    # How many wait for it.
    count: int = 0
    # For how long nobody was seen.
    silence: timedelta | None = None

    @property
    def is_calm(self) -> bool:
        return self.kind in CALM


@dataclass(frozen=True)
class Surroundings:
    """What campaigns stand in at `now`: workers, the account, their lines.

    `queues` are the campaigns with something to send, by line, in the order in which
    the line serves them; `stops` is who paused or cancelled a campaign last. `zones`
    are those in which the recipients of the first in a queue wait.
    """

    now: datetime
    beat_at: datetime | None = None
    is_worker_there: bool = False
    account: Account | None = None
    clocks: Mapping[int, LineClock] = field(default_factory=dict)
    queues: Mapping[int, Sequence[Campaign]] = field(default_factory=dict)
    stops: Mapping[int, Action] = field(default_factory=dict)
    rules: Mapping[int, Rules] = field(default_factory=dict)
    zones: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def line(self, line_id: int) -> KnownLine | None:
        """What was read of a line; None when it was not looked at."""
        if line_id not in self.rules:
            return None
        queue = self.queues.get(line_id, ())
        return KnownLine(self.clocks.get(line_id), self.rules[line_id], queue)


def look_around(campaigns: Iterable[Campaign]) -> Surroundings:
    """Reads, in nine short queries, what any number of campaigns stand in."""
    shown = list(campaigns)
    lines = {campaign.line_id for campaign in shown if _may_send(campaign)}
    stopped = [c.pk for c in shown if c.status in set(_STOPPING.values())]
    actions = Action.objects.filter(campaign__in=stopped, verb__in=_STOPPING)
    return replace(
        look_around_lines(lines),
        stops={action.campaign_id: action for action in actions.order_by("id")},
    )


def look_around_lines(lines: Iterable[int]) -> Surroundings:
    """Reads what the running campaigns of these lines stand in."""
    lines = list(lines)
    queues: dict[int, list[Campaign]] = {}
    # By the index (line, status, waiting).
    rows = (
        runnable()
        .filter(line__in=lines)
        .select_related("line")
        .defer("text", "books", "note")
    )
    for campaign in sorted(rows, key=turn_of):
        queues.setdefault(campaign.line_id, []).append(campaign)
    now = orm_now()
    clocks = read_clocks(lines, now)
    rules = rules_of_lines(lines, clocks)
    return Surroundings(
        now=now,
        beat_at=WorkerBeat.objects.aggregate(last=Max("beat_at"))["last"],
        is_worker_there=alive(now).exists(),
        account=Account.objects.filter(pk=1, refused_at__isnull=False).first(),
        clocks=clocks,
        queues=queues,
        rules=rules,
        zones={pk: zones_waiting(queue[0], rules[pk]) for pk, queue in queues.items()},
    )


_STOPPING = {"paused": CampaignStatus.PAUSED, "cancelled": CampaignStatus.CANCELLED}


def why_not_now(
    campaign: Campaign, around: Surroundings | None = None
) -> Hindrance | None:
    """The one reason why nothing of it is sent now; None when it goes its way.

    Looks around by itself, unless told what there is.
    """
    around = around or look_around([campaign])
    return _of_its_own(campaign, around) or _of_its_line(campaign, around)


def _of_its_own(campaign: Campaign, around: Surroundings) -> Hindrance | None:
    """What was ordered, or how far it has got."""
    stop = around.stops.get(campaign.pk)
    by, since = (stop.operator, stop.at) if stop else ("", None)
    if campaign.status == CampaignStatus.DRAFT:
        return Hindrance(Kind.NOT_STARTED)
    if campaign.status == CampaignStatus.CANCELLED:
        return Hindrance(Kind.CANCELLED, by=by, since=since)
    if not campaign.waiting:
        # What is under way is about to answer.
        return None if campaign.claimed else Hindrance(Kind.NOTHING_WAITS)
    if campaign.status == CampaignStatus.SCHEDULED:
        is_late = campaign.start_at and around.now - campaign.start_at > LATE
        if is_late and (silence := _without_worker(around)):
            return silence
        return Hindrance(Kind.SCHEDULED, until=campaign.start_at)
    if campaign.use_until is not None and campaign.use_until <= around.now:
        return Hindrance(Kind.OF_NO_USE, since=campaign.use_until)
    if campaign.status == CampaignStatus.PAUSED:
        if because := campaign.paused_because:
            return Hindrance(Kind.PAUSED_IDLE, code=because)
        return Hindrance(Kind.PAUSED, by=by, since=since)
    queue = around.queues.get(campaign.line_id, ())
    if campaign.slice_is_open and campaign not in queue:
        return Hindrance(Kind.SLICE_WAITS, count=campaign.waiting)
    return None


def _of_its_line(campaign: Campaign, around: Surroundings) -> Hindrance | None:
    """What keeps a running campaign with waiting messages from going on."""
    if not campaign.waiting:
        return None
    now, line, account = around.now, campaign.line, around.account
    clock = around.clocks.get(line.pk)
    if silence := _without_worker(around):
        return silence
    if account is not None:
        return Hindrance(
            Kind.ACCOUNT_REFUSED,
            code=f"{account.refused_kind}_refused",
            reason=account.refused_text or account.refused_code,
            since=account.refused_at,
        )
    if why := why_unusable(line, now):
        return Hindrance(Kind.LINE_UNUSABLE, code=f"line_{why}", line=line)
    if clock and clock.stopped_at and not campaign.is_line_test:
        return Hindrance(
            Kind.LINE_STOPPED,
            code=clock.stopped_code,
            reason=clock.stopped_reason,
            since=clock.stopped_at,
            line=line,
        )
    before = _before(campaign, around.queues.get(line.pk, ()))
    if before:
        until = _free_at(before, clock, around)
        return Hindrance(Kind.LINE_BUSY, ahead=before[0], until=until)
    if not campaign.is_trial and (resting := verdict_of(line.pk, around)):
        return Hindrance(Kind(resting.why or ""), until=resting.until, line=line)
    if clock and clock.held_code and not campaign.claimed:
        return Hindrance(
            Kind.HELD_BACK,
            code=clock.held_code,
            reason=clock.held_reason,
            since=clock.held_since or clock.held_at,
            until=clock.next_at,
        )
    if clock and not campaign.claimed and now - due_since(clock, campaign) > LATE:
        return Hindrance(Kind.LATE, since=due_since(clock, campaign))
    return None


def _without_worker(around: Surroundings) -> Hindrance | None:
    if around.beat_at is None:
        return Hindrance(Kind.NO_WORKER_YET)
    if around.is_worker_there:
        return None
    silence = around.now - around.beat_at
    return Hindrance(Kind.NO_WORKER, since=around.beat_at, silence=silence)


def verdict_of(line_id: int, around: Surroundings) -> Verdict | None:
    """Why the rules of a line let nothing out now; None where they do."""
    if line_id not in around.rules:
        return None
    tally = tally_of(around.clocks.get(line_id))
    zones = around.zones.get(line_id, (HOUSE,))
    verdict = may_send(around.rules[line_id], tally, around.now, zones)
    return verdict if verdict.room == 0 else None


def _may_send(campaign: Campaign) -> bool:
    return campaign.status == CampaignStatus.RUNNING and bool(campaign.waiting)


def _before(campaign: Campaign, queue: Sequence[Campaign]) -> Sequence[Campaign]:
    """The campaigns that the line serves before this one."""
    ids = [other.pk for other in queue]
    return queue[: ids.index(campaign.pk)] if campaign.pk in ids else ()


def _free_at(
    before: Sequence[Campaign], clock: LineClock | None, around: Surroundings
) -> datetime:
    """When the line is through with these, at the mean of its pauses."""
    now, line_id = around.now, before[0].line_id
    line = LineNow(
        now,
        clock.next_at if clock else now,
        rules=around.rules[line_id],
        tally=tally_of(clock),
    )
    works = [Work(to_send(c), Pacing(c.pacing)) for c in before]
    return lay_out(line, works, pace=pace_now()).at
