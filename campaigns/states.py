"""The states of messages and campaigns, and which message states are what."""

from __future__ import annotations

from enum import StrEnum


class MessageStatus(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    UNSURE = "unsure"
    ASSUMED_SENT = "assumed_sent"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


# What a campaign still has to do something about.
OPEN = frozenset({MessageStatus.WAITING, MessageStatus.CLAIMED})
# What certainly reached ChatApp and was taken.
TAKEN = frozenset(
    {
        MessageStatus.ACCEPTED,
        MessageStatus.SENT,
        MessageStatus.DELIVERED,
        MessageStatus.READ,
    }
)


class CampaignStatus(StrEnum):
    """What an operator has ordered; *sent out* and *finished* are computed."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"  # it starts by itself
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


# What a started campaign with nothing left to do is called; computed, never stored.
SENT_OUT = "sent_out"
FINISHED = "finished"


class UploadState(StrEnum):
    """How far an uploaded list has come."""

    KEPT = "kept"  # its form has not been saved yet
    IMPORTING = "importing"
    DONE = "done"
    STOPPED = "stopped"  # the draft was cancelled meanwhile
    FAILED = "failed"


class Pacing(StrEnum):
    ONE_AFTER_ANOTHER = "one_after_another"
    EACH_ON_ITS_OWN = "each_on_its_own"
