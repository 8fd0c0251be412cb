"""`python -m tests.hosts`: prints what happens, and a verdict; exit code 1 if bad."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path

from asgi_app.children import BASE_DIR
from tests.chaos.judge import Verdict
from tests.chaos.seed import Log
from tests.hosts.cluster import Cluster
from tests.hosts.drill import Drill
from tests.hosts.failover import Failover, Way
from tests.hosts.network import NoNetwork, enter_own_network
from tests.mariadb import NoMariaDB

LOGS = BASE_DIR / "var" / "hosts"
FAILOVER_MESSAGES = 600
MOST_FINDINGS = 20
# As docs/operations.md has it: what the replica may lack is looked for.
WAYS = [
    Way(is_semi_sync=semi, is_behind=behind, with_restored=not semi)
    for semi in (True, False)
    for behind in (False, True)
]


Part = Callable[[Path], Coroutine[None, None, bool]]


def main() -> int:
    arguments = _arguments()
    # All is taken down on either signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        enter_own_network("tests.hosts")
        logs = LOGS / arguments.part
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        log = Log(logs / "hosts.log", verbose=True)
        is_clean = True
        if arguments.part in {"cut", "all"}:
            is_clean &= _in_folder(_cut(arguments.messages, logs, log))
        if arguments.part in {"failover", "all"}:
            for way in WAYS:
                for _ in range(arguments.times):
                    is_clean &= _in_folder(_fail_over(way, logs, log))
        if arguments.part == "unbooked":
            way = Way(is_semi_sync=False, is_behind=True, with_restored=False)
            is_clean &= _in_folder(_fail_over(way, logs, log))
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, NoMariaDB, NoNetwork) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(not is_clean)


def _in_folder(part: Part) -> bool:
    with tempfile.TemporaryDirectory(prefix="hosts-") as name:
        # The database's own user has to get in.
        Path(name).chmod(0o755)
        return asyncio.run(part(Path(name)))


def _cut(messages: int, logs: Path, log: Log) -> Part:
    async def part(folder: Path) -> bool:
        outcome = await Drill(Cluster(folder, logs), log).run(messages)
        return _said("cut off", messages, outcome.verdict, outcome.complaints, log)

    return part


def _fail_over(way: Way, logs: Path, log: Log) -> Part:
    async def part(folder: Path) -> bool:
        outcome = await Failover(folder, logs, way, log).run(FAILOVER_MESSAGES)
        if outcome.lost_statuses:
            log(f"{outcome.lost_statuses} lack a status that was told before")
        verdict, complaints = outcome.verdict, outcome.complaints
        return _said(str(way), FAILOVER_MESSAGES, verdict, complaints, log)

    return part


def _said(
    what: str, messages: int, verdict: Verdict, complaints: list[str], log: Log
) -> bool:
    findings = [*complaints, *verdict.findings]
    for finding in findings[:MOST_FINDINGS]:
        log(finding)
    if len(findings) > MOST_FINDINGS:
        log(f"and {len(findings) - MOST_FINDINGS} more")
    print(
        f"hosts ({what}) messages={messages} lost={verdict.lost}"
        f" doubled={verdict.doubled} wrong={verdict.wrong} unsure={verdict.unsure}"
        f" settled={verdict.settled}",
        flush=True,
    )
    return verdict.is_clean and not complaints


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts")
    parser.add_argument(
        "--part",
        choices=["all", "cut", "failover", "unbooked"],
        default="all",
        help="unbooked: a failover without `restored`, which is to send twice",
    )
    parser.add_argument("--messages", type=int, default=1600)
    parser.add_argument("--times", type=int, default=1, help="of each failover")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
