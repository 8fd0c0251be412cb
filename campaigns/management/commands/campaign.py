"""`manage.py campaign`: what the pages do, for scripts."""

from __future__ import annotations

import asyncio
import getpass
import json
import random
import sys
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum
from tqdm import tqdm

from asgi_app.database import orm_now
from asgi_app.redis import open_redis
from campaigns import forecast_words
from campaigns.audit import audit
from campaigns.forecast_selectors import read_forecast
from campaigns.hindrance_words import in_words
from campaigns.hindrances import why_not_now
from campaigns.jobs import Doorbell
from campaigns.layouts import Unreadable, UnreadableFile
from campaigns.list_files import ListSource, from_file, from_text, judge_all
from campaigns.management.campaign_verbs import add_verbs
from campaigns.models import TEXT_LIMIT, Campaign
from campaigns.pacing import Delays
from campaigns.selectors import choosable_lines
from campaigns.services import (
    CampaignError,
    cancel_campaign,
    create_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from campaigns.texts import BadText, Template, read_template
from campaigns.timing import start_now
from chatapp.models import Line

LOOK_S = 0.5


class Command(BaseCommand):
    help = (
        "Creates, starts, pauses, resumes, cancels and shows campaigns. Exits with 1 "
        "when a message of the campaign failed or is unsure, or when it cannot be done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_verbs(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self._json: bool = options["json"]
        if options["verb"] == "audit":
            self._audit(options["id"])
            return
        try:
            campaign_id = getattr(self, f"_{options['verb']}")(options)
        except CampaignError as error:
            raise CommandError(str(error) or type(error).__name__) from error
        except Campaign.DoesNotExist:
            raise CommandError(f"there is no campaign {options['id']}") from None
        if options.get("wait"):
            self._wait(campaign_id)
        self._report(campaign_id)
        if options.get("wait") or options["verb"] == "status":
            campaign = Campaign.objects.get(pk=campaign_id)
            sys.exit(1 if campaign.failed or campaign.unsure else 0)

    def _create(self, options: dict[str, Any]) -> int:
        text: str = options["text"]
        if not text.strip():
            raise CommandError("--text is empty")
        if len(text) > TEXT_LIMIT:
            raise CommandError(f"--text has {len(text)} characters of {TEXT_LIMIT}")
        if options["wait"] and not options["start"]:
            raise CommandError("--wait needs --start")
        source = _read_source(options["phones"], options["column"])
        phones = judge_all(
            [source],
            region=settings.PHONE_REGION,
            template=_template(text, source),
            whole=True,
        )
        for remark in phones.remarks:
            kept = "kept" if remark.kept else "left out"
            about = " ".join(filter(None, [remark.about, remark.raw.strip()]))
            self.stderr.write(f"row {remark.line}: {kept}, {remark.reason}: {about}")
        if not phones.recipients:
            raise CommandError("--phones has no number to send to")
        campaign = create_campaign(
            name=options["name"] or text.strip().splitlines()[0][:60],
            text=text,
            line=_line(options["line"]),
            pacing=Pacing(options["pacing"]),
            phones=phones,
            delays=Delays(
                settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX, random.SystemRandom()
            ),
            operator=_operator(),
        )
        if options["start"]:
            _ring(start_campaign(campaign_id=campaign.pk, operator=_operator()))
        return campaign.pk

    def _status(self, options: dict[str, Any]) -> int:
        return Campaign.objects.get(pk=options["id"]).pk

    def _start(self, options: dict[str, Any]) -> int:
        campaign = Campaign.objects.get(pk=options["id"])
        begin = _BEGINNINGS.get(campaign.status, start_campaign)
        _ring(begin(campaign_id=campaign.pk, operator=_operator()))
        return campaign.pk

    def _pause(self, options: dict[str, Any]) -> int:
        pause_campaign(campaign_id=options["id"], operator=_operator())
        return int(options["id"])

    def _cancel(self, options: dict[str, Any]) -> int:
        cancel_campaign(campaign_id=options["id"], operator=_operator())
        return int(options["id"])

    def _audit(self, campaign_id: int | None) -> None:
        campaigns = Campaign.objects.all()
        if campaign_id is not None:
            campaigns = campaigns.filter(pk=campaign_id)
        count, total = campaigns.count(), campaigns.aggregate(n=Sum("total"))["n"] or 0
        if campaign_id is not None and not count:
            raise CommandError(f"there is no campaign {campaign_id}")
        hidden = self._json or not sys.stderr.isatty()
        seen, faults = 0, []
        with tqdm(total=total, unit="msg", disable=hidden) as bar:

            def see(more: int) -> None:
                nonlocal seen
                seen += more
                bar.update(more)

            for fault in audit(campaign_id, seen=see):
                faults.append(asdict(fault))
                if not self._json:
                    bar.clear()
                    self.stdout.write(str(fault))
        if self._json:
            about = {"campaigns": count, "messages": seen, "faults": faults}
            self.stdout.write(json.dumps(about, ensure_ascii=False))
        elif not faults:
            self.stdout.write(f"all books balance: {count} campaigns, {seen} messages")
        if faults:
            sys.exit(1)

    def _wait(self, campaign_id: int) -> None:
        """Waits until the campaign is sent out or cancelled."""
        campaign = Campaign.objects.get(pk=campaign_id)
        hidden = self._json or not sys.stderr.isatty()
        try:
            with tqdm(total=campaign.total, unit="msg", disable=hidden) as bar:
                while True:
                    campaign.refresh_from_db()
                    bar.set_postfix_str(campaign.status, refresh=False)
                    bar.update(campaign.answered - bar.n)
                    if campaign.is_sent_out or (
                        campaign.status == CampaignStatus.CANCELLED
                    ):
                        return
                    time.sleep(LOOK_S)
        except KeyboardInterrupt:
            self.stderr.write(f"campaign {campaign_id} goes on without this command")
            sys.exit(130)

    def _report(self, campaign_id: int) -> None:
        campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
        hindrance = why_not_now(campaign)
        why = in_words(hindrance) if hindrance else ""
        counts = {str(status): getattr(campaign, status) for status in MessageStatus}
        state = campaign.state.replace("_", " ")
        forecast = read_forecast(campaign, orm_now())
        if self._json:
            about = {"id": campaign.pk, "name": campaign.name, "state": state}
            numbers = {"total": campaign.total, **counts}
            times = forecast_words.as_values(forecast)
            said = {**about, **numbers, **times, "why_not_now": why or None}
            self.stdout.write(json.dumps(said, ensure_ascii=False))
            return
        shown = ", ".join(f"{status} {n}" for status, n in counts.items() if n)
        ends = ""
        if forecast is not None:
            plan = forecast_words.against_plan(forecast)
            ends = ". " + forecast_words.ending(forecast) + (plan and f", {plan}")
        self.stdout.write(
            f"campaign {campaign.pk} “{campaign.name}”: {state}; {shown}{ends}"
        )
        if why:
            self.stdout.write(why)


_BEGINNINGS: Mapping[str, Callable[..., int]] = {
    CampaignStatus.PAUSED: resume_campaign,
    CampaignStatus.SCHEDULED: start_now,
}


def _read_source(path: str, column: int | None) -> ListSource:
    region = settings.PHONE_REGION
    try:
        if path == "-":
            source = from_text(sys.stdin.read(), region=region)
            if source is None:
                raise CommandError("--phones: the standard input is empty")
            return source
        data = Path(path).read_bytes()
        source = from_file(Path(path).name, data, region=region)
        if column is not None:
            source = source.with_column(column - 1, region=region)
        if source.layout.is_unclear:
            raise UnreadableFile(Unreadable.NO_PHONE_COLUMN)
    except OSError as error:
        raise CommandError(f"--phones: {error.strerror}: {path}") from None
    except UnreadableFile as error:
        hint = "; --column says where the phones are"
        hint = hint if error.code == Unreadable.NO_PHONE_COLUMN else ""
        raise CommandError(f"--phones: {path}: {error}{hint}") from None
    return source


def _template(text: str, source: ListSource) -> Template:
    try:
        template = read_template(text)
    except BadText as error:
        raise CommandError(f"--text: {error}") from None
    columns = source.layout.values
    missing = [name for key, name in template.names.items() if key not in columns]
    if missing:
        there = ", ".join(source.layout.column_names) or "none"
        raise CommandError(
            f"--text: no column {', '.join(missing)}; the list has: {there}"
        )
    return template


def _line(pk: int | None) -> Line:
    lines = choosable_lines()
    if pk is not None:
        lines = [line for line in lines if line.pk == pk]
    if not lines:
        raise CommandError("there is no such line; connect to ChatApp first")
    return lines[0]


def _operator() -> str:
    return f"{getpass.getuser()} (command line)"


def _ring(line_id: int) -> None:
    """Rings at once; without Redis the sweep does it later."""

    async def ring() -> None:
        redis = open_redis()
        name = f"command:{uuid.uuid4().hex}"
        await Doorbell(redis).ring(line_id, timedelta(), name=name)
        await redis.aclose(close_connection_pool=True)

    asyncio.run(ring())
