"""What the code of an answer means for a message, or for a line that is held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ANSWER_LOST = lazy("The request left, but no usable answer came back.")
_NOT_REACHED = lazy("ChatApp could not be reached.")
_TOO_FAST = lazy("ChatApp asked for a pause: too many requests at once.")
_LOG_IN_REFUSED = lazy(
    "ChatApp refused the log-in. Please check the account on the Connect page."
)
_CONNECT_AGAIN = lazy(
    "ChatApp does not accept the stored tokens. Please connect the account again."
)

KNOWN: Mapping[str, StrOrPromise] = {
    # ChatApp's own
    "ApiInvalidTokenError": _CONNECT_AGAIN,
    "ApiInvalidRefreshTokenError": _CONNECT_AGAIN,
    "ApiInvalidCredentialsError": _LOG_IN_REFUSED,
    "ApiRateLimitError": _TOO_FAST,
    # About one message
    "not_on_whatsapp": lazy("This phone has no WhatsApp."),
    "value_missing": lazy("The list says nothing for a variable of the text."),
    "bad_text": lazy("The text has a bracket too few or too many."),
    "stop_list": lazy("The phone's owner wants no more messages: the stop list."),
    "refused": lazy("ChatApp refused the message without giving a reason."),
    "http_402": lazy("ChatApp asks for a payment: please check the licence."),
    "http_404": lazy("ChatApp does not know this line or this chat."),
    "http_413": lazy("The message is too big for ChatApp."),
    "http_422": lazy("ChatApp found something wrong with the phone or the text."),
    "read_timeout": lazy("The request left, but ChatApp did not answer in time."),
    "hung_up": lazy("The request left, but ChatApp hung up without an answer."),
    "not_http": _ANSWER_LOST,
    "not_json": _ANSWER_LOST,
    "odd_answer": _ANSWER_LOST,
    "body_too_big": _ANSWER_LOST,
    "no_message_id": lazy("ChatApp answered, but gave no id for the message."),
    "no_answer_recorded": lazy(
        "It was claimed for sending, and no answer was recorded in time."
    ),
    "restored_in_doubt": lazy(
        "A backup was put back, and the chat's history does not tell whether it was "
        "sent since."
    ),
    # About a line: nothing left
    "unsure_in_a_row": lazy(
        "The answers to three messages in a row were lost. It goes on by itself once "
        "ChatApp answers again."
    ),
    "refused_in_a_row": lazy(
        "ChatApp refused ten messages in a row for the same reason. Please see to it, "
        "then let the line go on."
    ),
    "delivery_collapsed": lazy(
        "ChatApp takes the messages, but hardly any of them is delivered: WhatsApp may "
        "have restricted the line. Try it on your own phone before it goes on."
    ),
    "restored": lazy(
        "A backup was put back. Before anything leaves, each message that waits is "
        "looked for in its chat: it may have been sent since the backup."
    ),
    "restored_looked_through": lazy(
        "A backup was put back, and all that waits was looked for in the chats: what "
        "was found counts as sent. Please see whether what was paused or cancelled "
        "since the backup runs again, then let the line go on."
    ),
    "line_over": lazy("Its licence is over."),
    "line_inactive": lazy("It is switched off at ChatApp."),
    "line_not_listed": lazy("ChatApp no longer lists it."),
    "over": lazy("The line's licence is over."),
    "inactive": lazy("The line is switched off at ChatApp."),
    "not_listed": lazy("ChatApp no longer lists the line."),
    "connect_timeout": _NOT_REACHED,
    "not_reached": _NOT_REACHED,
    "bad_address": lazy("CHATAPP_BASE_URL is not a web address."),
    "rate_limited": _TOO_FAST,
    "account_paused": _TOO_FAST,
    "no_permit": lazy("Our own limit of requests a second is used up."),
    "limiter_away": lazy("Redis does not answer, and without it nothing may leave."),
    "redis_away": lazy("Redis does not answer, and without it no token is renewed."),
    "database_away": lazy("The database does not answer."),
    "out_of_time": lazy("There was too little time left for a safe try."),
    "stopping": lazy("The worker was told to stop; the next one goes on."),
    "not_connected": lazy(
        "No ChatApp account is connected. Please connect one on the Connect page."
    ),
    "token_refused": _CONNECT_AGAIN,
    "refresh_refused": _CONNECT_AGAIN,
    "log_in_refused": _LOG_IN_REFUSED,
    "renewal_under_way": lazy("The access to ChatApp is being renewed."),
    "quota_reached": lazy(
        "Today's log-ins and refreshes are used up. It goes on by itself later."
    ),
}
# Codes of the token store: what was asked for, then what came of it.
_ENDINGS: Mapping[str, StrOrPromise] = {
    "_not_reached": _NOT_REACHED,
    "_put_off": _TOO_FAST,
    "_short_lived": _CONNECT_AGAIN,
    "_unsure": lazy("ChatApp's answer about the access to it was lost."),
    "_pending": lazy("ChatApp's answer about the access to it was lost."),
}


def explain(code: str) -> str:
    """What the code means; empty for one that is ChatApp's own and not known."""
    if code in KNOWN:
        return str(KNOWN[code])
    for ending, meaning in _ENDINGS.items():
        if code.endswith(ending):
            return str(meaning)
    if code.startswith("http_5"):
        return _("The request left, and ChatApp answered with an error of its own.")
    if code.startswith("http_4"):
        return _("ChatApp refused the message without giving a reason.")
    return ""


@dataclass(frozen=True)
class Advice:
    """What to do about failed messages; some of it is done on the Connect page."""

    text: StrOrPromise
    is_for_connect: bool = False


_REMOVE = Advice(
    lazy(
        "Remove these phones from your list, or reach them in another way: trying "
        "again changes nothing until they have WhatsApp."
    )
)
_CONNECT = Advice(
    lazy("Put the account right on the Connect page, then try these again."),
    is_for_connect=True,
)
_TEMPORARY = Advice(lazy("It passes by itself: try these again in a few minutes."))
_LOOK_AT_IT = Advice(
    lazy("Look at one of the numbers and at the text, and put right what is wrong.")
)
_LICENCE = Advice(
    lazy("See to the licence in ChatApp's cabinet, then try these again."),
    is_for_connect=True,
)
_BY_STATUS = Advice(
    lazy(
        "WhatsApp did not deliver them. Try one again first: if it fails too, the "
        "phone may have blocked you, or is not in use."
    )
)
_UNKNOWN = Advice(
    lazy("Open one of them for ChatApp's own words, then try one again before all.")
)
_ADVICE: Mapping[str, Advice] = {
    "not_on_whatsapp": _REMOVE,
    "ApiChatNotFoundError": _REMOVE,
    "": _BY_STATUS,
    "http_401": _CONNECT,
    "http_403": _CONNECT,
    "ApiInvalidTokenError": _CONNECT,
    "ApiInvalidRefreshTokenError": _CONNECT,
    "ApiInvalidCredentialsError": _CONNECT,
    "http_402": _LICENCE,
    "http_404": _LICENCE,
    "ApiLicenseNotFoundError": _LICENCE,
    "ApiLicenseExpiredError": _LICENCE,
    "ApiMessengerNotFoundError": _LICENCE,
    "http_400": _LOOK_AT_IT,
    "http_413": _LOOK_AT_IT,
    "http_422": _LOOK_AT_IT,
    "ApiInvalidParameterError": _LOOK_AT_IT,
    "http_408": _TEMPORARY,
    "http_429": _TEMPORARY,
    "ApiRateLimitError": _TEMPORARY,
}


def advise(code: str) -> Advice:
    """What to do about messages that failed with this code."""
    if code in _ADVICE:
        return _ADVICE[code]
    return _TEMPORARY if code.startswith("http_5") else _UNKNOWN
