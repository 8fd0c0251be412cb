"""What an error's code means, in words for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_NOT_REACHED = _(
    "ChatApp could not be reached. Please check the network and CHATAPP_BASE_URL, "
    "then try again."
)
_LOST = _(
    "The request left, but no usable answer came back. Please try again in a minute."
)
_TOO_FAST = _(
    "ChatApp asks for a pause: too many requests at once. Please try again in a minute."
)
_WRONG = _(
    "ChatApp refused the log-in. Please check the e-mail, the password and the appId."
)
_LOG_IN_AGAIN = _(
    "ChatApp no longer accepts the stored tokens. Please connect again below."
)

MEANINGS: dict[str, StrOrPromise] = {
    # ChatApp's own
    "ApiInvalidCredentialsError": _WRONG,
    "ApiInvalidTokenError": _LOG_IN_AGAIN,
    "ApiInvalidRefreshTokenError": _LOG_IN_AGAIN,
    "ApiTokenQuotaError": _(
        "ChatApp's quota of tokens is used up for today. Please try again tomorrow."
    ),
    # Refusals whose answer named no code
    "http_401": _WRONG,
    "http_403": _WRONG,
    "http_404": _(
        "This address does not answer as ChatApp does. Please check CHATAPP_BASE_URL."
    ),
    "http_422": _("ChatApp found something wrong with what was sent."),
    "ApiCallbackUrlError": _(
        "ChatApp did not accept this address for callbacks. It must be reached from "
        "the internet and answer 200 to an empty POST; the self-test below tells more."
    ),
    "callback_not_kept": _(
        "ChatApp took the address, and does not tell it as registered."
    ),
    # No token
    "not_connected": _("No account is connected yet. Please connect one below."),
    "quota_reached": _(
        "Nearly all of the 100 tokens that ChatApp grants in 24 hours are used up. "
        "A token that is still valid goes on being used; please try again later."
    ),
    "redis_away": _(
        "Redis does not answer, and without it no token is made. "
        "A token that is still valid goes on being used."
    ),
    "database_away": _("The database does not answer. Please try again in a minute."),
    "renewal_under_way": _(
        "The tokens are being renewed at this moment. Please try again in a minute."
    ),
    "token_refused": _("ChatApp does not accept a token that it has just given."),
    "log_in_refused": _WRONG,
    "refresh_refused": _LOG_IN_AGAIN,
    # On the way
    "not_reached": _NOT_REACHED,
    "connect_timeout": _NOT_REACHED,
    "bad_address": _("CHATAPP_BASE_URL is not a web address."),
    "rate_limited": _TOO_FAST,
    "ApiRateLimitError": _TOO_FAST,
    "account_paused": _TOO_FAST,
    "no_permit": _TOO_FAST,
    "out_of_time": _("It took too long. Please try again."),
    "read_timeout": _LOST,
    "hung_up": _LOST,
    "not_http": _LOST,
    "not_json": _LOST,
    "odd_answer": _LOST,
    "body_too_big": _LOST,
}
# Codes of the token store: what was asked for, then what came of it.
_ENDINGS: dict[str, StrOrPromise] = {
    "_not_reached": _NOT_REACHED,
    "_put_off": _TOO_FAST,
    "_unsure": _LOST,
    "_pending": _LOST,
    "_short_lived": MEANINGS["token_refused"],
}


def explain(code: str, text: str = "") -> StrOrPromise:
    """What the code means; of an unknown one ChatApp's own text."""
    if code in MEANINGS:
        return MEANINGS[code]
    for ending, meaning in _ENDINGS.items():
        if code.endswith(ending):
            return meaning
    if code.startswith("http_5"):
        return _LOST
    return text or _("ChatApp refused without giving a reason.")


def translated(text: str) -> str:
    """What came with a code: ours in the page's language, ChatApp's as it is."""
    return translation.gettext(text) if text else ""
