"""Opens a retailer's file, whatever its format, as a stream of batches with row numbers.

CSV cells come as text, so that a value that can't be parsed is kept as it came; Parquet keeps its types; Excel comes as
text too (its columns mix types). Memory is bounded by the batch, not by the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from shelfcast.domain.errors import BadFile, MissingExtra
from shelfcast.sources.batches import FAULT_SCHEMA, SOURCE_LINE, RawBatch
from shelfcast.sources.sniffing import FileShape, clean_names, read_header, sniff

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 500_000
BATCH_CELLS = 4_000_000
"""A wide file's batches have fewer rows, so that a batch stays about as large."""
BLOCK_BYTES = 8 << 20


@dataclass(frozen=True)
class SourceFile:
    """An opened file: how it is read, its column names, and sentences about what was assumed."""

    path: Path
    shape: FileShape
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def stem(self) -> str:
        """Name without endings: `sales.csv.gz` -> `sales`."""
        return self.path.name.split(".")[0]

    def sample(self, rows: int = 2_000) -> pl.DataFrame:
        """The first rows, without `source_line`."""
        for batch in self.batches(rows):
            if batch.frame.height:
                return batch.frame.drop(SOURCE_LINE).head(rows)
        return pl.DataFrame(schema={name: pl.String() for name in self.columns})

    def batches(self, batch_rows: int | None = None) -> Iterator[RawBatch]:
        """Rows in order.

        Raises:
            BadFile: the content breaks off, or has bytes that don't fit its encoding.
        """
        rows = batch_rows or max(1, min(BATCH_ROWS, BATCH_CELLS // max(len(self.columns), 1)))
        match self.shape.format:
            case "parquet":
                return _parquet_batches(self, rows)
            case "excel":
                return _excel_batches(self, rows)
            case _:
                return _csv_batches(self, rows)


def open_file(path: Path, shape: FileShape | None = None) -> SourceFile:
    """Open a file; what `shape` leaves empty is inferred.

    Raises:
        BadFile: empty, binary, damaged, or column names that stand twice.
    """
    found, notes = sniff(path, shape)
    match found.format:
        case "parquet":
            columns = _parquet_columns(path)
        case "excel":
            found, columns = _excel_columns(path, found)
        case _:
            columns = read_header(path, found)
    return SourceFile(path, found, tuple(columns), notes)


def _csv_batches(file: SourceFile, batch_rows: int) -> Iterator[RawBatch]:
    import pyarrow as pa
    from pyarrow import csv

    shape, width = file.shape, len(file.columns)
    skip = shape.header_line or 0
    encoding = "utf-8" if shape.encoding in ("utf-8", "utf-8-sig") else shape.encoding

    def parsed(stream: Any, skip_rows: int, encoding: str, broken: list[Any]) -> Any:
        def remember(row: Any) -> str:
            broken.append(row)
            return "skip"

        # One thread keeps the line numbers of broken rows; the parser alone does some 200 MB/s.
        return csv.open_csv(
            stream,
            read_options=csv.ReadOptions(
                column_names=list(file.columns), skip_rows=skip_rows, use_threads=False, block_size=BLOCK_BYTES,
                encoding=encoding,
            ),
            parse_options=csv.ParseOptions(
                delimiter=shape.delimiter, quote_char=shape.quote or False, newlines_in_values=True,
                ignore_empty_lines=False, invalid_row_handler=remember,
            ),
            convert_options=csv.ConvertOptions(
                strings_can_be_null=True, quoted_strings_can_be_null=True, null_values=[""],
                column_types={name: pa.string() for name in file.columns},
            ),
        )  # fmt: skip

    def again(text: str) -> Iterator[RawBatch]:
        """Rows out of the text of a broken row, numbered from 1."""
        broken: list[Any] = []
        try:
            reader = parsed(pa.BufferReader(text.encode()), 0, "utf-8", broken)
            yield from _numbered(_rebatched(reader, batch_rows), broken, 0, width, again)
        except (StopIteration, pa.ArrowInvalid):
            # Every line of it is broken.
            yield from _numbered(iter(()), broken, 0, width, again)

    invalid: list[Any] = []
    try:
        reader = parsed(_stream(file), skip, encoding, invalid)
        yield from _numbered(_rebatched(reader, batch_rows), invalid, skip, width, again)
    except StopIteration:
        return
    except (pa.ArrowInvalid, UnicodeError, OSError, EOFError) as error:
        if "Empty CSV file" in str(error):
            return
        raise BadFile(_explained(file, error)) from error


def _stream(file: SourceFile) -> Any:
    """The bytes. Never the bare path: the parser would decompress by the name's ending, not by what is in the file."""
    import pyarrow as pa

    raw = pa.OSFile(str(file.path))
    return pa.CompressedInputStream(raw, file.shape.compression) if file.shape.compression else raw


def _rebatched(reader: Any, batch_rows: int) -> Iterator[pl.DataFrame]:
    """The parser's blocks joined to batches of about `batch_rows`."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for block in reader:
        waiting.append(block)
        rows += block.num_rows
        if rows >= batch_rows:
            yield _joined(waiting)
            waiting, rows = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(blocks: list[pa.RecordBatch]) -> pl.DataFrame:
    import pyarrow as pa

    return pl.from_arrow(pa.Table.from_batches(blocks))  # type: ignore[return-value]


def _numbered(
    frames: Iterator[pl.DataFrame], invalid: list[Any], skipped_lines: int, width: int,
    again: Callable[[str], Iterator[RawBatch]],
) -> Iterator[RawBatch]:  # fmt: skip
    """Give rows their numbers, with the places of broken rows left free, and turn broken rows into faults.

    The parser runs ahead of the batch, so a broken row beyond the batch's last good one waits for the next batch.
    A quote that is opened and never closed makes one broken row of all lines up to the next quote: those after the
    first are read `again`, and rows after them get the numbers they would have had.
    """
    next_line, shift = 1, 0
    for frame in frames:
        if frame.is_empty():
            continue
        places = [row.number - skipped_lines for row in invalid]
        lines = pl.int_range(next_line, next_line + frame.height + len(places), eager=True).alias(SOURCE_LINE)
        if places:
            lines = lines.filter(~lines.is_in(places))
        lines = lines.head(frame.height)
        next_line = int(lines[-1]) + 1
        broken = [row for row in invalid if row.number - skipped_lines < next_line]
        invalid[:] = [row for row in invalid if row.number - skipped_lines >= next_line]
        done, apart = 0, []
        for row in broken:
            place = row.number - skipped_lines
            swallowed = _swallowed(row, again)
            apart.append((row, place + shift, bool(swallowed)))
            if swallowed:
                before = int((lines < place).sum())
                yield _batch(frame[done:before], lines[done:before] + shift, apart, width)
                yield from _moved(swallowed, place + shift)
                done, apart = before, []
                shift += sum(one.rows for one in swallowed)
        yield _batch(frame[done:], lines[done:] + shift, apart, width)
    apart = []
    for row in invalid:
        place = row.number - skipped_lines + shift
        swallowed = _swallowed(row, again)
        apart.append((row, place, bool(swallowed)))
        if swallowed:
            yield from _moved(swallowed, place)
            shift += sum(one.rows for one in swallowed)
    if apart:
        yield RawBatch(pl.DataFrame(schema={SOURCE_LINE: pl.Int64()}), _broken_lines(apart, width))


def _batch(frame: pl.DataFrame, lines: pl.Series, broken: list[tuple[Any, int, bool]], width: int) -> RawBatch:
    numbered = frame.with_columns(lines).filter(~pl.all_horizontal(pl.col(frame.columns).is_null()))
    return RawBatch(numbered, _broken_lines(broken, width))


def _swallowed(row: Any, again: Callable[[str], Iterator[RawBatch]]) -> list[RawBatch]:
    """The rows an open quote took in: none, if the lines after the first are no rows of the table."""
    rest = row.text.partition("\n")[2]
    if not rest.strip():
        return []
    found = list(again(rest))
    return found if any(one.frame.height for one in found) else []


def _moved(batches: list[RawBatch], by: int) -> Iterator[RawBatch]:
    """Batches numbered from 1, as rows that follow row `by`."""
    further = pl.col(SOURCE_LINE) + by
    for one in batches:
        yield RawBatch(one.frame.with_columns(further), one.broken.with_columns(further))


def _broken_lines(rows: list[tuple[Any, int, bool]], width: int) -> pl.DataFrame:
    """Faults out of broken rows, their numbers, and whether an open quote took in the lines after."""
    import json

    def fault(row: Any, number: int, open_quote: bool) -> dict[str, Any]:
        text = row.text.partition("\n")[0] if open_quote else row.text
        reason = (
            "A quote is opened in this line and never closed. Close it, or double it where it belongs to the text."
            if open_quote
            else f"The line has {row.actual_columns} columns, the header has {width}. Look for a missing or doubled "
            "delimiter, or an open quote."
        )
        return {
            SOURCE_LINE: number, "column": "", "value": text[:200], "rule": "columns", "reason": reason,
            "row": json.dumps({"line": text}, ensure_ascii=False),
        }  # fmt: skip

    return pl.DataFrame([fault(*one) for one in rows], schema=FAULT_SCHEMA)


def _explained(file: SourceFile, error: Exception) -> str:
    said = str(error)
    if isinstance(error, UnicodeError) or "UTF8" in said:
        return (
            f"{file.name} isn't {file.shape.encoding or 'utf-8'} throughout ({said[:160]}). Set the right `encoding` in "
            "the mapping file (often cp1252), or save the file as UTF-8."
        )
    return f"{file.name} can't be read to its end: {said[:300]}. Export it again."


def _parquet_columns(path: Path) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return clean_names(path.name, list(file.schema_arrow.names))
    except (pa.ArrowInvalid, OSError) as error:
        raise BadFile(f"{path.name} starts like a Parquet file but can't be read: {error}. Export it again.") from error


def _parquet_batches(file: SourceFile, batch_rows: int) -> Iterator[RawBatch]:
    import pyarrow as pa
    from pyarrow import parquet

    line = 1
    try:
        with parquet.ParquetFile(file.path) as stored:
            for joined in _rebatched(stored.iter_batches(batch_size=batch_rows), batch_rows):
                frame = plain(joined)
                numbers = pl.int_range(line, line + frame.height, eager=True).alias(SOURCE_LINE)
                line += frame.height
                yield RawBatch(frame.with_columns(numbers))
    except (pa.ArrowInvalid, OSError) as error:
        raise BadFile(f"{file.name} can't be read to its end: {error}. Export it again.") from error


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Dictionary columns as text, decimals as float64, bytes as text: the types conversion knows."""
    return frame.with_columns(
        pl.col(pl.Categorical, pl.Enum).cast(pl.String),
        pl.col(pl.Decimal).cast(pl.Float64),
        pl.col(pl.Binary).cast(pl.String, strict=False),
    )


def _excel_sheets(path: Path) -> Any:
    try:
        import fastexcel
    except ImportError as error:
        raise MissingExtra("Excel files need the excel extra: pip install 'shelfcast[excel]'") from error
    try:
        return fastexcel.read_excel(path)
    except Exception as error:
        raise BadFile(f"{path.name} can't be read as Excel: {error}. Save it again as .xlsx or CSV.") from error


def _excel_columns(path: Path, shape: FileShape) -> tuple[FileShape, list[str]]:
    """The header of the first sheet with rows (or of the one named), and where it stands."""
    from dataclasses import replace

    book = _excel_sheets(path)
    if shape.sheet and shape.sheet not in book.sheet_names:
        raise BadFile(f"{path.name} has no sheet {shape.sheet!r}; it has: {', '.join(book.sheet_names)}.")
    alone: tuple[FileShape, list[str]] | None = None
    for name in [shape.sheet] if shape.sheet else book.sheet_names:
        head = book.load_sheet(name, header_row=None, n_rows=50, dtypes="string").to_polars()
        if head.is_empty():
            continue
        filled = head.select(pl.sum_horizontal(pl.all().is_not_null())).to_series()
        line = shape.header_line or int((filled >= max(int(filled.max() or 1) * 0.8, 1)).arg_max() or 0) + 1
        names = [str(cell) if cell is not None else "" for cell in head.row(line - 1)]
        found = replace(shape, header_line=line), clean_names(path.name, names)
        # A cover sheet has a title and no table beneath it.
        if head.height > line and head.width > 1:
            return found
        alone = alone or found
    if alone is not None:
        return alone
    raise BadFile(f"{path.name} has no rows in any sheet ({', '.join(book.sheet_names)}). Nothing was loaded.")


def _excel_batches(file: SourceFile, batch_rows: int) -> Iterator[RawBatch]:
    """All sheets with the same header, one after the other; a sheet holds a million rows at most, so one is read whole."""
    book = _excel_sheets(file.path)
    line = 1
    for name in [file.shape.sheet] if file.shape.sheet else book.sheet_names:
        # Lines are cut off here, since the reader refuses to skip more of a sheet than it has.
        sheet = book.load_sheet(name, header_row=None, dtypes="string").to_polars()
        sheet = sheet[(file.shape.header_line or 1) - 1 :]
        if sheet.is_empty() or sheet.width < len(file.columns):
            continue
        names = [str(cell or "").strip() or f"column_{number}" for number, cell in enumerate(sheet.row(0), start=1)]
        if tuple(names[: len(file.columns)]) != file.columns:
            continue
        sheet = sheet[:, : len(file.columns)][1:]
        sheet.columns = list(file.columns)
        numbers = pl.int_range(line, line + sheet.height, eager=True).alias(SOURCE_LINE)
        line += sheet.height
        sheet = sheet.with_columns(numbers).filter(~pl.all_horizontal(pl.col(file.columns).is_null()))
        for start in range(0, sheet.height, batch_rows):
            yield RawBatch(sheet[start : start + batch_rows])
