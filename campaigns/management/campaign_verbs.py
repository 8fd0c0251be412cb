"""What may be said to `manage.py campaign`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from campaigns.states import Pacing


def add_verbs(parser: ArgumentParser) -> None:
    """Each verb with its arguments and options."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="make a campaign from a list")
    create.add_argument(
        "--text",
        required=True,
        help="what is sent; {name|friend} is a column's value, [Hi|Hello] either",
    )
    create.add_argument(
        "--phones",
        required=True,
        metavar="FILE|-",
        help=".txt, .csv or .xlsx, or - for the standard input",
    )
    create.add_argument(
        "--column", type=int, help="where the phones are in a table, from 1"
    )
    create.add_argument("--name", default="", help="the text's beginning, if unset")
    create.add_argument("--line", type=int, help="the chosen line, if unset")
    create.add_argument(
        "--pacing",
        choices=[str(pacing) for pacing in Pacing],
        default=str(Pacing.ONE_AFTER_ANOTHER),
    )
    create.add_argument("--start", action="store_true", help="start it at once")
    _add_wait(create)
    _add_json(create)
    _add_json(_add_verb(verbs, "status", "show how far it is"))
    start = _add_verb(verbs, "start", "start a draft or what is scheduled, or resume")
    _add_wait(start)
    _add_json(start)
    audit_verb = verbs.add_parser("audit", help="check every invariant")
    audit_verb.add_argument("id", type=int, nargs="?", help="all, if unset")
    _add_json(audit_verb)
    for verb, what in (("pause", "claim nothing more"), ("cancel", "end it")):
        _add_json(_add_verb(verbs, verb, what))


def _add_verb(verbs: Any, name: str, what: str) -> ArgumentParser:
    parser: ArgumentParser = verbs.add_parser(name, help=what)
    parser.add_argument("id", type=int, help="the campaign's number")
    return parser


def _add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_wait(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait", action="store_true", help="until everything is sent out"
    )
