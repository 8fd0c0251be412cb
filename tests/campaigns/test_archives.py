from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from zipfile import ZIP_DEFLATED, ZipFile

from campaigns.archives import SUMS, Archive

AT = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def test_what_leaves_piece_by_piece_is_one_whole_zip() -> None:
    archive = Archive(AT)
    taken = [archive.begin("a.txt"), archive.add(b"one "), archive.add(b"two")]
    taken += [archive.begin("b.txt"), archive.close()]
    with ZipFile(io.BytesIO(b"".join(taken))) as whole:
        assert whole.testzip() is None
        assert whole.namelist() == ["a.txt", "b.txt", SUMS]
        assert whole.read("a.txt") == b"one two"
        assert whole.getinfo("a.txt").compress_type == ZIP_DEFLATED
        assert whole.getinfo("a.txt").date_time == (2026, 1, 2, 3, 4, 6)
        sums = whole.read(SUMS).decode().splitlines()
    assert sums == [
        f"{hashlib.sha256(data).hexdigest()}  {name}"
        for name, data in (("a.txt", b"one two"), ("b.txt", b""))
    ]


def test_it_leaves_while_it_is_written() -> None:
    archive = Archive(AT)
    block = bytes(range(256)) * 4096
    archive.begin("a.bin")
    left = sum(len(archive.add(block)) for _ in range(8))
    rest = len(archive.close())
    assert rest < left
