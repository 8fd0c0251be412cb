"""What proves a campaign: its list, its text, each message, who did what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from asgi_app.database import orm_now
from campaigns import list_words, wording
from campaigns.csvfiles import Cell
from campaigns.exports import Export, begin_export, in_zones, told_in
from campaigns.models import Action, Campaign
from campaigns.receipt_selectors import receipt_of_campaign

TEXT, LIST, MESSAGES = "text.txt", "list.csv", "messages.csv"
ACTIONS, SUMMARY = "actions.csv", "summary.txt"


@dataclass(frozen=True)
class Proof:
    """A campaign at the moment `at` at which `operator` asked for its proof."""

    campaign: Campaign
    at: datetime
    operator: str
    export: Export
    receipt: str
    actions: Sequence[Action]


def begin_proof(*, campaign_id: int, operator: str, language: str) -> Proof:
    """Reads what does not grow with the list; raises Campaign.DoesNotExist.

    `language` is the active one: a streamed body keeps its request's.
    """
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    return Proof(
        campaign=campaign,
        at=orm_now(),
        operator=operator,
        export=begin_export(
            campaign_id=campaign_id, asked={}, language=language, in_utc_too=True
        ),
        receipt=list_words.receipt(receipt_of_campaign(campaign)),
        actions=list(Action.objects.filter(campaign=campaign).order_by("pk")),
    )


def action_rows(proof: Proof) -> list[list[Cell]]:
    """Who did what and when, below the names of the columns."""
    zones = proof.export.zones
    header: list[Cell] = [*in_zones([_("Time")], zones)]
    header += [_("Operator"), _("Action"), _("Messages")]
    return [header, *(_action_row(action, proof) for action in proof.actions)]


def _action_row(action: Action, proof: Proof) -> list[Cell]:
    # Behind a name Russian sets a dash, which has no place in a cell.
    verb = str(wording.VERBS.get(action.verb, action.verb)).removeprefix("— ")
    times = told_in(action.at, proof.export.zones)
    return [*times, action.operator, verb, action.count]


def summary(proof: Proof, counted: Mapping[str, int]) -> str:
    """What the pack is of, and sums that balance.

    `counted` says how many rows of each status messages.csv has.
    """
    return "".join(f"{name}: {said}\n" for name, said in _facts(proof, counted))


def _facts(proof: Proof, counted: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    campaign = proof.campaign
    yield _("Campaign"), f"{campaign.name} ({campaign.pk})"
    yield _("Line"), str(campaign.line)
    yield _("Pacing"), str(wording.PACINGS[campaign.pacing])
    yield _("Created"), f"{_moment(campaign.created_at, proof)} · {campaign.created_by}"
    if campaign.started_at:
        yield _("Started"), _moment(campaign.started_at, proof)
    yield _("Put together"), f"{_moment(proof.at, proof)} · {proof.operator}"
    yield _("Receipt of the list"), proof.receipt
    total = sum(counted.values())
    said = f"{_number(total)} = {wording.terms(counted)}"
    if total == campaign.total:
        yield _("Messages"), f"{said} ✓"
    else:
        yield (
            _("Messages"),
            _("%(sum)s; the campaign counted %(total)s when this was begun")
            % {"sum": said, "total": _number(campaign.total)},
        )


def _moment(at: datetime, proof: Proof) -> str:
    """The same moment in each zone of the pack."""
    told = (f"{at.astimezone(z):%Y-%m-%d %H:%M:%S} {z.key}" for z in proof.export.zones)
    return " = ".join(told)


def _number(count: int) -> str:
    return str(number_format(count, force_grouping=True))
