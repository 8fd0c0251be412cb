"""What is said of a list, its columns and the text that names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns import wording
from campaigns.layouts import Unreadable
from campaigns.receipts import Receipt
from campaigns.recipients import PhoneList, Reason

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

UNREADABLE: Mapping[str, StrOrPromise] = {
    Unreadable.EMPTY: lazy("The file is empty."),
    Unreadable.NOT_A_TABLE: lazy(
        "The file is not a table. Please save it as .xlsx or .csv and choose it again."
    ),
    Unreadable.BROKEN: lazy(
        "The file is damaged. Please open and save it anew, then choose it again."
    ),
    Unreadable.PASSWORD_PROTECTED: lazy(
        "The file is protected by a password. Please save it without one."
    ),
    Unreadable.OLD_WORKBOOK: lazy(
        "This is a workbook of old Excel (.xls). Please save it as .xlsx."
    ),
    Unreadable.TOO_BIG: lazy("The file unpacks to too much. Please split it."),
    Unreadable.TOO_MANY_ROWS: lazy(
        "There are more than 1,000,000 rows. Please make several campaigns of them."
    ),
    Unreadable.NO_PHONE_COLUMN: lazy(
        "It is not clear which column holds the phones. Please choose it below."
    ),
    Unreadable.UNKNOWN_KIND: lazy(
        "This kind of file cannot be read. Please choose a .txt, .csv or .xlsx file."
    ),
}

# The same in the sentence at the top of the receipt: "21 double".
REASONS_COUNTED: Mapping[str, StrOrPromise] = {
    Reason.DOUBLE: lazy("double"),
    Reason.NOT_A_NUMBER: lazy("without a number"),
    Reason.TOO_SHORT: lazy("with too few digits"),
    Reason.TOO_LONG: lazy("with too many digits"),
    Reason.INVALID: lazy("that do not exist"),
    Reason.TOLL_FREE: lazy("toll-free"),
    Reason.PREMIUM: lazy("premium-rate"),
    Reason.SERVICE: lazy("of services"),
    Reason.DIGITS_LOST: lazy("destroyed by Excel"),
    Reason.EMPTY: lazy("without a phone"),
    Reason.ON_STOP_LIST: lazy("on the stop list"),
    Reason.GOT_LATELY: lazy("left out because of another campaign"),
    Reason.VALUE_MISSING: lazy("without a value that the text needs"),
    Reason.TEXT_TOO_LONG: lazy("with too long a text"),
}


def unknown_columns(missing: Sequence[str], columns: Sequence[str]) -> str:
    """Which variables name no column of the list; "" for none missing."""
    if not missing:
        return ""
    if not columns:
        return _(
            "The list has no named columns, so %(variables)s cannot be filled. Please "
            "choose a file whose first row names its columns, or write the sign itself "
            "as {{ or }}."
        ) % {"variables": ", ".join(f"{{{name}}}" for name in missing)}
    said = ngettext(
        "The list has no column %(missing)s; its columns are: %(columns)s.",
        "The list has no columns %(missing)s; its columns are: %(columns)s.",
        len(missing),
    )
    quoted = [_("‹%(name)s›") % {"name": name} for name in missing]
    return said % {"missing": ", ".join(quoted), "columns": ", ".join(columns)}


def values_missing(names: Iterable[str]) -> str:
    return _("The text needs a value for %(variables)s.") % {
        "variables": ", ".join(f"{{{name}}}" for name in names)
    }


def not_in(*, has_failed: bool) -> str:
    """Why a draft cannot be started before its list is whole."""
    if has_failed:
        return _(
            "The list has not come in whole. Please cancel this draft and make a new "
            "one with the list."
        )
    return _("The list is still coming in. Please wait until it is whole.")


def receipt(found: Receipt) -> str:
    """The list in one sentence that adds up: "1,000 rows: 962 in, 21 double"."""
    parts = [_("%(count)s in") % {"count": _number(found.count_in)}]
    parts += [
        _("%(count)s %(what)s")
        % {"count": _number(group.count), "what": REASONS_COUNTED[group.reason]}
        for group in found.left_out
    ]
    return f"{_lines(found)}: {', '.join(parts)}."


def _lines(found: Receipt) -> str:
    lines = ngettext("%(count)s row", "%(count)s rows", found.lines) % {
        "count": _number(found.lines)
    }
    if found.entries == found.lines:
        return lines
    entries = ngettext("%(count)s entry", "%(count)s entries", found.entries) % {
        "count": _number(found.entries)
    }
    # A line may hold several numbers; and some phones were never on a list.
    if found.entries < found.lines or not found.lines:
        return entries
    return _("%(lines)s with %(entries)s") % {"lines": lines, "entries": entries}


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)


def why_nobody(phones: PhoneList) -> str:
    """Why what was typed as one phone cannot be sent to; empty when it can."""
    for remark in phones.remarks:
        if not remark.kept:
            return _("%(raw)s: %(reason)s.") % {
                "raw": remark.raw,
                "reason": wording.REASONS[remark.reason],
            }
    # Signs that nobody sees are no phone either.
    return "" if phones.recipients else _("Please type a phone.")
