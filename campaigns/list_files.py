"""The sources of a new campaign's list: what is pasted, and a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from campaigns import uploads
from campaigns.layouts import Kind, Layout, UnreadableFile, source_of
from campaigns.models import Upload
from campaigns.recipients import Entry, PhoneList, judge, split_lines
from campaigns.spreadsheets import look_at, look_at_text, read_entries
from campaigns.stops import stopped_among
from campaigns.texts import Template

# More than this is imported by the worker, and only its beginning is looked at here.
SMALL_ROWS = 5_000
SMALL_BYTES = 512 * 1024
BEGINNING = 200


@dataclass(frozen=True)
class ListSource:
    """A file, or what is pasted: where its bytes are, and how they are to be read."""

    name: str
    size: int
    layout: Layout
    data: bytes | None = None
    upload: Upload | None = None

    @property
    def is_small(self) -> bool:
        return self.layout.rows <= SMALL_ROWS and self.size <= SMALL_BYTES

    @property
    def pieces(self) -> Iterable[bytes]:
        if self.data is not None:
            return [self.data]
        return uploads.read_pieces(self.upload.pk) if self.upload else []

    def entries(
        self, *, region: str, names: Collection[str], whole: bool = False
    ) -> Iterator[Entry]:
        """All lines of a small one, the first lines of a big one unless `whole`."""
        found = read_entries(self.pieces, self.layout, region=region, names=names)
        return found if whole or self.is_small else islice(found, BEGINNING)

    def with_column(self, column: int, *, region: str) -> ListSource:
        """The same, with the phones in a column that a person has chosen."""
        if self.layout.kind == Kind.LIST or (column,) == self.layout.phones:
            return self
        data = b"".join(self.pieces)
        layout = look_at(self.name, data, region=region, column=column)
        return replace(self, layout=layout)

    def kept(self) -> ListSource:
        """The same, stored, so that its form can be shown again."""
        if self.upload:
            return self
        data = self.data or b""
        upload = uploads.keep(name=self.name, data=data, layout=self.layout)
        return replace(self, upload=upload, data=data)


def from_file(name: str, data: bytes, *, region: str) -> ListSource:
    """Raises UnreadableFile."""
    return ListSource(
        source_of(name), len(data), look_at(name, data, region=region), data
    )


def from_upload(upload: Upload) -> ListSource:
    layout = Layout.from_json(upload.layout)
    return ListSource(upload.name, upload.size, layout, upload=upload)


def from_text(text: str, *, region: str) -> ListSource | None:
    """What is pasted; None for nothing."""
    if not text.strip():
        return None
    data = text.encode(errors="replace")
    try:
        layout = look_at_text(data, region=region)
    except UnreadableFile:
        rows = len(split_lines(text))
        layout = Layout(Kind.LIST, rows=rows, encoding="utf-8")
    return ListSource("", len(data), layout, data)


def judge_all(
    sources: Iterable[ListSource],
    *,
    region: str,
    template: Template | None,
    whole: bool = False,
) -> PhoneList:
    """Judges the sources, each with those before it known; raises UnreadableFile."""
    names = template.names if template else {}
    phones = PhoneList()
    for source in sources:
        entries = list(source.entries(region=region, names=names, whole=whole))
        phones += judge(
            entries,
            source=source.name,
            template=template,
            listed={recipient.phone: recipient for recipient in phones.recipients},
            stopped=stopped_among([p for entry in entries for p in entry.phones]),
        )
    return phones
