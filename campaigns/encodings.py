"""Bytes of an upload: what kind of file they are, and the lines of a text."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator

from campaigns.layouts import Unreadable, UnreadableFile

_HEAD = 64 * 1024
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# PDF, PNG, JPEG, GIF, RAR, 7z, gzip, RTF: no text, whatever the name says.
_FOREIGN = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"{\\rtf",
)


def is_workbook(data: bytes) -> bool:
    """Whether it is a zip, as .xlsx is; raises UnreadableFile for what is no text."""
    if not data.strip(b"\0\r\n\t \xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(Unreadable.EMPTY)
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        return True
    if data.startswith(_OLE):
        raise UnreadableFile(_what_ole_holds(data))
    if data.startswith(_FOREIGN):
        raise UnreadableFile(Unreadable.UNKNOWN_KIND)
    return False


def _what_ole_holds(data: bytes) -> Unreadable:
    """Names a file of the old Office kind; none of them is opened.

    python-calamine 0.9.1 reads .xls, but a few flipped bytes make it ask for
    gigabytes, and a failed allocation in Rust aborts the whole process.
    """
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Unreadable.PASSWORD_PROTECTED
    if any(name.encode("utf-16-le") in data for name in ("Workbook", "Book\0")):
        return Unreadable.OLD_WORKBOOK
    return Unreadable.UNKNOWN_KIND


def find_encoding(data: bytes) -> str:
    """Tells UTF-8 and UTF-16, with or without BOM, and cp1251 apart.

    Raises UnreadableFile for what is no text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[:_HEAD]
    if b"\0" in head:
        # Digits, delimiters and line ends have a zero for their upper byte.
        even, odd = head[::2].count(0), head[1::2].count(0)
        enough = len(head) // 40
        if odd > 4 * even and odd > enough:
            return "utf-16-le"
        if even > 4 * odd and even > enough:
            return "utf-16-be"
        raise UnreadableFile(Unreadable.UNKNOWN_KIND)
    if len(head) - len(head.translate(None, _CONTROLS)) > len(head) // 50:
        raise UnreadableFile(Unreadable.UNKNOWN_KIND)
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "cp1251"
    return "utf-8-sig"


def read_text_lines(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The lines as an editor counts them; a break may stand between two pieces."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    breaks = io.IncrementalNewlineDecoder(decoder, translate=True)
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + breaks.decode(piece)).split("\n")
        yield from lines
    *lines, rest = (rest + breaks.decode(b"", final=True)).split("\n")
    yield from lines
    yield rest


def count_lines(data: bytes, encoding: str) -> int:
    """About how many lines there are, those of old Macs included."""
    breaks = max(data.count(b"\n"), data.count(b"\r"))
    return breaks + (0 if data.rstrip(b"\0").endswith((b"\n", b"\r")) else 1)
