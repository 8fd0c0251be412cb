"""Why what people ask of a campaign is not done."""

from __future__ import annotations

from campaigns.texts import BadText, MissingValue


class CampaignError(Exception):
    """A person asked for what cannot be done to this campaign."""


class NotPossibleNow(CampaignError):
    """The campaign's state does not allow it; somebody may have been quicker."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"the campaign is {state.replace('_', ' ')}")


class NobodyToSendTo(CampaignError):
    """The list is empty."""


class AlreadyListed(CampaignError):
    """The phone is on the list already."""


class OnStopList(CampaignError):
    """Nothing may be sent to the phone."""


class ValuesMissing(CampaignError):
    """The text needs values that were not given; `names` are the columns."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(f"no value for {', '.join(names)}")


class ListNotIn(CampaignError):
    """The uploaded list is still coming in, or has not come in whole."""

    def __init__(self, *, has_failed: bool) -> None:
        self.has_failed = has_failed
        super().__init__(
            "the list has not come in whole" if has_failed else "the list is coming in"
        )


class ChangedSinceShown(CampaignError):
    """The list, the text, the line or the pacing is not what was agreed to."""


class EditedMeanwhile(CampaignError):
    """Somebody else has changed it since it was shown; `by` is who, where known."""

    def __init__(self, by: str) -> None:
        self.by = by
        super().__init__(f"{by} has changed it meanwhile")


class OfNoUseAnyMore(CampaignError):
    """Its last moment has passed."""

    def __init__(self) -> None:
        super().__init__("its last moment has passed")


class HasExpired(OfNoUseAnyMore):
    """It passed after the start: what still waits is never sent."""


class EndsBeforeStart(CampaignError):
    """It would be of no use any more at the moment at which it starts by itself."""

    def __init__(self) -> None:
        super().__init__("its last moment is before its start")


class StartIsOver(CampaignError):
    """The moment at which it was to start by itself has passed."""

    def __init__(self) -> None:
        super().__init__("the time at which it was to start has passed")


class TextCannotBeSent(CampaignError):
    """The text has a fault, or what it says of a recipient is not known."""

    def __init__(self, fault: BadText | MissingValue) -> None:
        self.fault = fault
        super().__init__(f"the text cannot be sent: {fault}")
