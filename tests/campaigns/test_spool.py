from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import chain
from pathlib import Path

import pytest

from campaigns.spool import Spool, SpoolUnwritable
from campaigns.spoolfile import HEADER_BYTES, Batch, SpoolFile

ROOT = Path(__file__).parent.parent.parent
MEGABYTE = 1024 * 1024

# Appends the numbered bodies that it is told to, and names each that was kept.
APPENDER = """
import sys
from pathlib import Path
from campaigns.spool import Spool, SpoolUnwritable
spool, size = Spool(Path(sys.argv[1])), int(sys.argv[2])
for number in range(int(sys.argv[3])):
    try:
        spool.append(b"%06d" % number + b"." * size)
    except SpoolUnwritable as error:
        print("unwritable", error, flush=True)
        break
    print(number, flush=True)
print("done", flush=True)
sys.stdin.read()
"""
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (6000,)*2)\n"


@asynccontextmanager
async def appender(
    folder: Path, *, size: int = 0, count: int, before: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that appends; it is killed at the end, if it was not before."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", before + APPENDER, folder, str(size), str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        assert process.stdout and process.stdin
        await process.stdout.read()
        process.stdin.close()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


class Taker:
    """Takes batches, and fails at those that it is told to."""

    def __init__(self, *, fails_at: set[int] | None = None) -> None:
        self.batches: list[list[bytes]] = []
        self.fails_at = fails_at or set()
        self.error: BaseException = OSError("the database is away")
        self.calls = 0

    async def take(self, batch: list[bytes]) -> None:
        self.calls += 1
        if self.calls in self.fails_at:
            raise self.error
        self.batches.append(batch)

    @property
    def taken(self) -> list[bytes]:
        return [body for batch in self.batches for body in batch]


async def drained(spool: Spool, *, most: int = 200) -> list[bytes]:
    taker = Taker()
    assert await spool.drain(taker.take, most=most) == len(taker.taken)
    return taker.taken


def bodies(count: int) -> list[bytes]:
    return [b'{"n": %d}\n' % number for number in range(count)]


def fill(spool: Spool, found: list[bytes]) -> None:
    for body in found:
        spool.append(body)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    spool = Spool(folder)
    yield spool
    spool.close()


@pytest.fixture
def other(folder: Path) -> Iterator[Spool]:
    """A second opener of the files: to flock the same as another process."""
    other = Spool(folder)
    yield other
    other.close()


def test_it_touches_nothing_until_it_is_used(spool: Spool, folder: Path) -> None:
    assert spool.waiting() == 0
    assert asyncio.run(drained(spool)) == []
    assert not folder.exists()


async def test_it_hands_on_any_bytes_in_order_and_leaves_no_file(
    spool: Spool, folder: Path
) -> None:
    kept = [b"", b"\n\n", bytes(range(256)), b"x" * 3 * MEGABYTE, *bodies(500)]
    fill(spool, kept)
    assert spool.waiting() == len(kept)
    assert await drained(spool) == kept
    assert spool.waiting() == 0
    assert files(folder) == []


async def test_a_batch_is_no_larger_than_asked_and_not_many_megabytes(
    spool: Spool,
) -> None:
    fill(spool, [*bodies(7), *[b"x" * (MEGABYTE // 2)] * 4])
    taker = Taker()
    await spool.drain(taker.take, most=3)
    assert [len(batch) for batch in taker.batches[:2]] == [3, 3]
    assert max(sum(map(len, batch)) for batch in taker.batches) <= MEGABYTE
    assert len(taker.taken) == 11


async def test_it_is_used_again_after_it_was_drained(spool: Spool) -> None:
    for _ in range(3):
        fill(spool, bodies(3))
        assert await drained(spool) == bodies(3)


def test_files_and_folder_are_for_their_owner_only(spool: Spool, folder: Path) -> None:
    spool.check()
    assert files(folder) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    spool.append(b"{}")
    assert [path.stat().st_mode & 0o777 for path in files(folder)] == [0o600]
    assert str(os.getpid()) in files(folder)[0].name


def test_it_syncs_the_record_and_the_name_of_its_file_before_it_returns(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        synced.append(
            (str(Path(f"/proc/self/fd/{fd}").readlink()), os.fstat(fd).st_size)
        )
        fsync(fd)

    spool.check()
    monkeypatch.setattr(os, "fsync", noted)
    spool.append(b"first")
    path = files(folder)[0]
    assert [name for name, _ in synced] == [str(folder), str(path)]
    spool.append(b"second")
    assert synced[2:] == [(str(path), path.stat().st_size)]


def test_threads_append_side_by_side(spool: Spool, folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spool.append, bodies(200)))
    assert len(files(folder)) == 1
    assert sorted(asyncio.run(drained(spool))) == sorted(bodies(200))


async def test_a_batch_that_fails_stays_with_all_behind_it(
    spool: Spool, other: Spool
) -> None:
    fill(spool, bodies(10))
    taker = Taker(fails_at={2})
    with pytest.raises(OSError, match="the database is away"):
        await spool.drain(taker.take, most=3)
    assert taker.taken == bodies(10)[:3]
    assert spool.waiting() == other.waiting() == 7
    spool.append(b"more")
    # What was taken is past even for a process that starts anew.
    spool.close()
    assert await drained(other) == [*bodies(10)[3:], b"more"]


async def test_a_cancelled_drain_keeps_everything(spool: Spool) -> None:
    fill(spool, bodies(4))
    reached = asyncio.Event()

    async def hang(batch: list[bytes]) -> None:
        reached.set()
        await asyncio.Event().wait()

    drain = asyncio.create_task(spool.drain(hang))
    await reached.wait()
    assert await drained(spool) == []  # one drain at a time
    drain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drain
    assert await drained(spool) == bodies(4)


async def test_what_comes_during_a_drain_is_drained_too_or_stays(spool: Spool) -> None:
    fill(spool, bodies(3))
    taken: list[bytes] = []

    async def take(batch: list[bytes]) -> None:
        if not taken:
            await asyncio.to_thread(spool.append, b"late")
        taken.extend(batch)

    await spool.drain(take, most=2)
    assert [*taken, *await drained(spool)] == [*bodies(3), b"late"]


async def test_what_comes_as_the_drained_file_is_removed_stays(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(spool, bodies(3))
    read = SpoolFile.read

    def read_late(file: SpoolFile, most: int) -> Batch:
        batch = read(file, most)
        if batch.is_end:
            monkeypatch.undo()
            spool.append(b"late")
        return batch

    monkeypatch.setattr(SpoolFile, "read", read_late)
    assert await drained(spool) == bodies(3)
    assert await drained(spool) == [b"late"]


def test_a_file_removed_by_others_before_it_was_locked_is_made_anew(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def flock_late(fd: int, operation: int) -> None:
        files(folder)[0].unlink()
        monkeypatch.undo()
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    spool.append(b"kept")
    assert asyncio.run(drained(spool)) == [b"kept"]


async def test_a_file_is_drained_by_one_at_a_time(spool: Spool, other: Spool) -> None:
    dead: list[bytes] = []
    for number in range(3):
        dead += [b"%d %d" % (number, item) for item in range(5)]
        fill(spool, dead[-5:])
        spool.close()
    theirs: list[bytes] = []

    async def take(batch: list[bytes]) -> None:
        # While the first drain is in the middle of a file, another gets the others.
        if not theirs:
            theirs.extend(await drained(other))
        first.extend(batch)

    first: list[bytes] = []
    await spool.drain(take, most=2)
    assert (first, theirs) == (dead[:5], dead[5:])


async def test_processes_that_drain_together_take_each_record_once(
    spool: Spool, folder: Path, tmp_path: Path
) -> None:
    expected = [b"%d" % number for number in range(400)]
    for at in range(0, 400, 20):
        fill(spool, expected[at : at + 20])
        spool.close()
    script = """
import asyncio, sys
from pathlib import Path
from campaigns.spool import Spool
async def take(batch):
    await asyncio.sleep(0.002)
    print(*(body.decode() for body in batch), flush=True)
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(Spool(Path(sys.argv[1])).drain(take, most=5))
"""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", script, folder)
    drainers = [
        await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, cwd=ROOT
        )
        for _ in range(3)
    ]
    for drainer in drainers:
        assert await said(drainer) == "ready"
    outputs = await asyncio.gather(
        *(drainer.communicate(b"\n") for drainer in drainers)
    )
    assert [drainer.returncode for drainer in drainers] == [0, 0, 0]
    shares = [output.split() for output, _ in outputs]
    assert sorted(chain.from_iterable(shares)) == sorted(expected)
    assert files(folder) == []


async def test_a_living_process_keeps_its_file_and_a_killed_one_leaves_it(
    spool: Spool, folder: Path
) -> None:
    async with appender(folder, count=3) as process:
        while await said(process) != "done":
            pass
        assert spool.waiting() == 3
        assert await drained(spool) == []
        process.kill()
        await process.wait()
        assert await drained(spool) == [b"000000", b"000001", b"000002"]
    assert files(folder) == []


async def test_a_kill_in_the_middle_of_an_append_loses_nothing_that_was_kept(
    spool: Spool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = random.Random(7)
    for _ in range(8):
        async with appender(folder, size=4 * MEGABYTE, count=1000) as process:
            kept = [await said(process)]
            await asyncio.sleep(source.uniform(0, 0.05))
            process.kill()
            assert process.stdout
            kept += (await process.stdout.read()).decode().split()
            await process.wait()
        found = await drained(spool)
        numbers = [int(body[:6]) for body in found]
        assert {len(body) for body in found} == {6 + 4 * MEGABYTE}
        assert numbers == list(range(len(numbers)))
        assert len(kept) <= len(numbers) <= len(kept) + 1
        assert files(folder) == []


@pytest.mark.parametrize("lost", range(2, 12))
async def test_a_torn_last_record_is_skipped_and_told(
    spool: Spool, folder: Path, lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    fill(spool, bodies(3))
    spool.close()
    path = files(folder)[0]
    os.truncate(path, path.stat().st_size - lost)
    fill(spool, bodies(1))
    assert await drained(spool) == [*bodies(2), *bodies(1)]
    assert "1 torn records skipped" in caplog.text
    assert spool.waiting() == 0
    assert files(folder) == []


@pytest.mark.parametrize("damage", [b"\0" * HEADER_BYTES, b"spool 0", b"x" * 90])
async def test_a_damaged_header_repeats_rather_than_loses(
    spool: Spool, folder: Path, damage: bytes
) -> None:
    fill(spool, bodies(4))
    with pytest.raises(OSError, match="away"):
        await spool.drain(Taker(fails_at={2}).take, most=2)
    spool.close()
    with files(folder)[0].open("r+b") as file:
        file.write(damage)
    assert spool.waiting() >= 1
    found = await drained(spool)
    # A longer damage costs the record that it hit, and no other.
    assert found == bodies(4)[-len(found) :]
    assert len(found) >= 2


async def test_a_damaged_record_costs_no_other(spool: Spool, folder: Path) -> None:
    fill(spool, bodies(3))
    spool.close()
    path = files(folder)[0]
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:-1] + b"!"
    path.write_bytes(b"\n".join(lines))
    assert await drained(spool, most=1) == [bodies(3)[0], bodies(3)[2]]


async def test_a_file_of_nothing_or_of_rubbish_holds_nothing_up(
    spool: Spool, folder: Path
) -> None:
    spool.check()
    (folder / "1-empty.spool").touch()
    (folder / "2-head.spool").write_bytes(b"spo")
    (folder / "3-rubbish.spool").write_bytes(os.urandom(5000))
    (folder / "4-folder.spool").mkdir()
    fill(spool, bodies(2))
    assert spool.waiting() >= 2
    assert await drained(spool) == bodies(2)
    assert files(folder) == [folder / "4-folder.spool"]


def test_a_file_deleted_by_hand_swallows_nothing_more(
    spool: Spool, folder: Path
) -> None:
    spool.append(b"lost with the file")
    files(folder)[0].unlink()
    folder.rmdir()
    spool.append(b"kept")
    assert asyncio.run(drained(spool)) == [b"kept"]


def test_it_refuses_when_the_folder_holds_as_much_as_it_may(folder: Path) -> None:
    spool = Spool(folder, most_bytes=3000)
    spool.append(b"x" * 1000)
    with pytest.raises(SpoolUnwritable, match="is full: it may hold 2 KiB"):
        spool.append(b"x" * 2000)
    spool.append(b"small")
    assert asyncio.run(drained(spool)) == [b"x" * 1000, b"small"]
    spool.append(b"x" * 2000)
    spool.close()


@pytest.mark.parametrize("use", [Spool.check, lambda spool: spool.append(b"{}")])
def test_an_unwritable_folder_is_told_in_words(
    tmp_path: Path, use: Callable[[Spool], None]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolUnwritable, match="file/spool cannot be used: Not a dir"):
        use(Spool(tmp_path / "file" / "spool"))


async def test_after_a_sync_that_failed_it_goes_on_in_a_new_file(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b"before")
    with monkeypatch.context() as patch:

        def fail(fd: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        patch.setattr(os, "fsync", fail)
        with pytest.raises(SpoolUnwritable, match="Input/output error"):
            spool.append(b"not kept")
    spool.append(b"after")
    assert len(files(folder)) == 2
    assert await drained(spool) == [b"before", b"after"]


async def test_a_record_cut_off_by_a_limit_merges_with_no_other(
    spool: Spool, folder: Path
) -> None:
    # The second record is written in part, then refused (RLIMIT_FSIZE).
    async with appender(folder, size=2500, count=9, before=SMALL_FILES) as process:
        assert await said(process) == "0"
        assert (await said(process)).endswith("cannot be used: File too large")
        assert spool.waiting() == 1
        size = files(folder)[0].stat().st_size
        assert size == HEADER_BYTES + 9 + -(-2506 // 3) * 4 + 1
    assert [body[:6] for body in await drained(spool)] == [b"000000"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED: the full disk, as no tmpfs can be mounted ({error})")
    yield disk
    # Lazily: a test that failed may have left a file open.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_full_disk_refuses_what_it_cannot_keep_and_then_drains(
    small_disk: Path,
) -> None:
    spool = Spool(small_disk / "spool")
    spool.check()
    kept = []
    for number in range(30):
        body = b"%d" % number + b"x" * 5000
        try:
            spool.append(body)
            kept.append(body)
        except SpoolUnwritable as error:
            assert "No space left" in str(error)
            # A shorter one may fit in where the longer was taken back.
            spool.append(b"short %d" % number)
            kept.append(b"short %d" % number)
    assert sum(body.startswith(b"short") for body in kept) >= 15
    assert len(files(small_disk / "spool")) == 1
    assert spool.waiting() == len(kept)
    taker = Taker(fails_at={2})
    with pytest.raises(OSError, match="away"):
        await spool.drain(taker.take, most=5)
    assert [*taker.taken, *await drained(spool)] == kept
    spool.append(b"x" * 5000)
    assert len(await drained(spool)) == 1
    spool.close()


def test_a_full_disk_keeps_nobody_from_starting(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (small_disk / "spool").mkdir()
    with suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    Spool(small_disk / "spool").check()
    assert "No space left" in caplog.text
