"""`python -m tests.chaos --seeds 20`: a line a seed; exit code 1 on any finding."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asgi_app.children import BASE_DIR
from tests.chaos import shortened
from tests.chaos.database import Database, MariaDB, Sqlite
from tests.chaos.faults import Fault, possible
from tests.chaos.installation import Installation
from tests.chaos.seed import Log, Outcome, run
from tests.mariadb import NoMariaDB, PrivateMariaDB

LOGS = BASE_DIR / "var" / "chaos"
DISK_MB = 64
# By then every kind of fault must have happened.
ENOUGH_SEEDS = 20
_OWN_MOUNTS = "CHAOS_OWN_MOUNTS"


def main() -> int:
    arguments = _arguments()
    if arguments.database == Sqlite.name:
        _enter_own_mounts()
    has_disk = os.environ.get(_OWN_MOUNTS) == "yes"
    among = possible(arguments.database, disk=has_disk)
    seeds = [arguments.seed] if arguments.seed else range(1, arguments.seeds + 1)
    print(
        f"chaos on {arguments.database}: web, 2 workers, Redis, sandbox;"
        f" {arguments.messages} messages a seed\n"
        f"shortened in the workers: {shortened.described()}",
        flush=True,
    )
    if arguments.database == Sqlite.name and not has_disk:
        print("NOT TRIED: a full disk. It needs a mount, which is not allowed here.")
    outcomes = []
    # All is taken down on either signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for seed in seeds:
            outcome = _seed(seed, arguments, among, has_disk=has_disk)
            print(outcome.line, flush=True)
            for finding in [*outcome.complaints, *outcome.verdict.findings]:
                print(f"  {finding}", flush=True)
            outcomes.append(outcome)
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, NoMariaDB) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(not _sum_up(outcomes, among))


def _seed(
    seed: int, arguments: argparse.Namespace, among: list[Fault], *, has_disk: bool
) -> Outcome:
    logs = LOGS / f"{arguments.database}-{seed}"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    log = Log(logs / "chaos.log", verbose=arguments.verbose)
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        # The database's own user has to get in.
        Path(name).chmod(0o755)
        with _disk(Path(name) / "var", is_small=has_disk) as folder:
            data: Database
            if arguments.database == MariaDB.name:
                (Path(name) / "mariadb").mkdir()
                data = MariaDB(PrivateMariaDB(Path(name) / "mariadb"))
            else:
                data = Sqlite(folder)
            installation = Installation(folder, logs, data)
            return asyncio.run(run(seed, arguments.messages, among, installation, log))


def _sum_up(outcomes: list[Outcome], among: list[Fault]) -> bool:
    """Prints what happened in all seeds; True if all is well."""
    happened: Counter[Fault] = Counter()
    for outcome in outcomes:
        happened += outcome.happened
    print(
        f"{len(outcomes)} seeds, {sum(o.messages for o in outcomes)} messages,"
        f" {happened.total()} faults, {sum(o.took_s for o in outcomes):.0f} s:"
        f" {', '.join(f'{f} {happened[f]}' for f in among)}"
    )
    missing = [f for f in among if not happened[f]]
    if missing and len(outcomes) >= ENOUGH_SEEDS:
        print(f"these faults never happened: {', '.join(missing)}")
        return False
    bad = [str(outcome.seed) for outcome in outcomes if not outcome.is_clean]
    if bad:
        print(f"NOT CLEAN: seeds {', '.join(bad)}; logs are in {LOGS}")
    return not bad


def _enter_own_mounts() -> None:
    """Runs this program again where a small disk can be mounted that ends with it."""
    if _OWN_MOUNTS in os.environ:
        return
    root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", "--mount", *root]
    try:
        allowed = subprocess.run(
            [*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return
    if allowed.returncode == 0:
        os.environ[_OWN_MOUNTS] = "yes"
        again = [sys.executable, "-m", "tests.chaos", *sys.argv[1:]]
        os.execvp("unshare", [*unshare, *again])


@contextmanager
def _disk(folder: Path, *, is_small: bool) -> Iterator[Path]:
    """A folder, on a disk of its own that is soon full if it is to be small."""
    folder.mkdir()
    if not is_small:
        yield folder
        return
    size = f"size={DISK_MB}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 to this one")
    parser.add_argument("--seed", type=int, help="this seed only")
    parser.add_argument("--messages", type=int, default=2000, help="of each seed")
    parser.add_argument(
        "--database", choices=[MariaDB.name, Sqlite.name], default=MariaDB.name
    )
    parser.add_argument("--verbose", action="store_true", help="print each fault")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
