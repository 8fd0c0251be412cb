"""A workbook (.xlsx) that is written row by row, in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from campaigns.csvfiles import Cell

# Excel's own limits.
ROWS_A_SHEET = 1_048_576
LONGEST_CELL = 32_767
TIME_FORMAT = "yyyy-mm-dd hh:mm:ss"


class WorkbookFile:
    """A workbook in a folder of its own; a further sheet begins where one is full.

    Blocks on the disk. `remove` must come at the end, whatever happened.
    """

    def __init__(
        self,
        *,
        sheet: str,
        header: Sequence[str],
        widths: Sequence[int],
        rows_a_sheet: int = ROWS_A_SHEET,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="export-"))
        self.path = self._folder / "export.xlsx"
        # Rows go to a file at once; what is abandoned lies in our folder.
        options = {"constant_memory": True, "tmpdir": str(self._folder)}
        self._book = xlsxwriter.Workbook(str(self.path), options)
        self._bold = self._book.add_format({"bold": True, "bottom": 1})
        self._plain = self._book.add_format({"num_format": "@", "valign": "top"})
        self._time = self._book.add_format({"num_format": TIME_FORMAT, "align": "left"})
        self._name, self._header, self._widths = sheet, header, widths
        self._rows_a_sheet = rows_a_sheet
        self._sheets = 0
        self._sheet = self._begin_sheet()

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            if self._at == self._rows_a_sheet:
                self._sheet = self._begin_sheet()
            for column, cell in enumerate(row):
                self._write_cell(column, cell)
            self._at += 1

    def close(self) -> None:
        """Puts the file together; it is read under `path`."""
        self._book.close()

    def remove(self) -> None:
        """Removes all that was written, finished or not."""
        self._book.fileclosed = True  # or its destructor would warn of it
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin_sheet(self) -> Worksheet:
        self._sheets += 1
        number = f" {self._sheets}" if self._sheets > 1 else ""
        sheet = self._book.add_worksheet(f"{self._name[:25]}{number}")
        for column, width in enumerate(self._widths):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 1)
        # A phone is text on purpose.
        sheet.ignore_errors({"number_stored_as_text": f"A1:Z{ROWS_A_SHEET}"})
        for column, words in enumerate(self._header):
            sheet.write_string(0, column, words, self._bold)
        self._at = 1
        return sheet

    def _write_cell(self, column: int, cell: Cell) -> None:
        if isinstance(cell, datetime):
            # A workbook knows no zones: the time is written as it is read here.
            local = cell.replace(tzinfo=None, microsecond=0)
            self._sheet.write_datetime(self._at, column, local, self._time)
        elif isinstance(cell, int):
            self._sheet.write_number(self._at, column, cell)
        elif cell:
            text = cell[:LONGEST_CELL]
            self._sheet.write_string(self._at, column, text, self._plain)
