"""What a file is: format, compression, encoding, delimiter, header row. Found from its content, not its name."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from shelfcast.domain.errors import BadFile

HEAD_BYTES = 512 * 1024
PART_BYTES = 128 * 1024
DELIMITERS = ("\t", ";", "|", ",")
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"), (b"\x7fELF", "a program"), (b"MZ", "a Windows program"), (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"), (b"BZh", "a bzip2 file"), (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"SQLite format 3", "a SQLite database"), (b"ARROW1", "an Arrow file"), (b"ORC", "an ORC file"),
)  # fmt: skip
BOMS: tuple[tuple[bytes, str], ...] = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
FILLED_NAMES = 0.6
"""A line of names fills at least this share of the columns the fullest line fills."""
NUMBER = re.compile(r"[+-]?[\d.,\s]*\d[\d.,]*%?")
MARKUP = re.compile(rb"\s*(<(!doctype|html|\?xml|[a-z]+>)|\[?\s*\{\s*\")", re.IGNORECASE)
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?|(19|20)\d{6}")


@dataclass(frozen=True)
class FileShape:
    """How to read a file. Every field can be set in a mapping file; empty means: find out."""

    format: str = ""
    """csv (any delimiter), parquet or excel."""
    compression: str = ""
    encoding: str = ""
    delimiter: str = ""
    quote: str = '"'
    header_line: int | None = None
    """Line that holds the column names, from 1; 0 = the file has none."""
    sheet: str = ""


def sniff(path: Path, given: FileShape | None = None) -> tuple[FileShape, tuple[str, ...]]:
    """The shape of a file, and sentences about what was assumed.

    Raises:
        BadFile: it is empty, binary, or in an encoding that doesn't fit.
    """
    given = given or FileShape()
    if not path.exists():
        raise BadFile(f"{path} doesn't exist. Check the path.")
    if path.is_dir():
        raise BadFile(f"{path} is a folder. Name its files, for example {path}/*.csv.")
    if path.stat().st_size == 0:
        raise BadFile(f"{path.name} is empty (0 bytes). Export it again; nothing was loaded.")
    with path.open("rb") as stream:
        start = stream.read(16)
    compression = "gzip" if start[:2] == b"\x1f\x8b" else ""
    if start[:4] == b"PAR1":
        return FileShape("parquet"), ()
    if start[:4] == b"PK\x03\x04" or start[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return _excel(path, given, zipped=start[:2] == b"PK")
    notes: list[str] = []
    parts = _parts(path, compression)
    if not parts[0]:
        raise BadFile(f"{path.name} holds nothing once decompressed. Export it again; nothing was loaded.")
    _refuse_binary(path, parts[0])
    encoding = given.encoding or _encoding(path, parts, notes)
    text = _decode(path, parts[0], encoding)
    if not text.strip():
        raise BadFile(f"{path.name} holds only blank lines. Export it again; nothing was loaded.")
    if len(parts[0]) >= HEAD_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    delimiter = given.delimiter or _delimiter(text)
    header_line = _header_line(text, delimiter, given.quote) if given.header_line is None else given.header_line
    if header_line == 0:
        notes.append("The first line holds data, not names: columns are called column_1, column_2, ...")
    elif header_line > 1:
        notes.append(f"Column names were found in line {header_line}; the lines above were left out.")
    return FileShape("csv", compression, encoding, delimiter, given.quote, header_line), tuple(notes)


def read_header(path: Path, shape: FileShape) -> list[str]:
    """Column names of a CSV file as they stand.

    Raises:
        BadFile: a name stands twice.
    """
    text = _decode(path, _parts(path, shape.compression)[0], shape.encoding)
    rows = csv.reader(io.StringIO(text), delimiter=shape.delimiter, quotechar=shape.quote)
    # Blank lines count as lines in a file, so the row is found by line number, not by position among rows.
    try:
        row = next((row for row in rows if rows.line_num >= max(shape.header_line or 1, 1) and row), None)
    except csv.Error as error:
        raise BadFile(
            f"{path.name}: the line of column names can't be read ({error}). Look for a quote that is opened there and "
            "never closed."
        ) from error
    if row is None:
        raise BadFile(f"{path.name} has no line {shape.header_line} to take column names from. Check `header_line`.")
    if shape.header_line == 0:
        return [f"column_{number}" for number in range(1, len(row) + 1)]
    return clean_names(path.name, row)


def clean_names(file_name: str, names: list[str]) -> list[str]:
    """Names trimmed, blank ones numbered.

    Raises:
        BadFile: a name stands twice.
    """
    cleaned = [name.strip().lstrip("\ufeff") or f"column_{number}" for number, name in enumerate(names, start=1)]
    twice = [name for name, count in Counter(cleaned).items() if count > 1]
    if twice:
        where = [str(number) for number, name in enumerate(cleaned, start=1) if name == twice[0]]
        raise BadFile(
            f"{file_name}: column {twice[0]!r} stands {len(where)} times (columns {', '.join(where)}). "
            "Names must differ: rename or delete one, then load the file again."
        )
    return cleaned


def _parts(path: Path, compression: str) -> list[bytes]:
    """The head of the file, and for plain files pieces of its middle and end (a wrong byte can come late)."""
    if compression:
        try:
            with gzip.open(path) as stream:
                return [stream.read(HEAD_BYTES)]
        except (OSError, EOFError) as error:
            raise BadFile(
                f"{path.name} starts like a gzip file but can't be decompressed: {error} Copy or export it again; nothing was loaded."
            ) from error
    size = path.stat().st_size
    with path.open("rb") as stream:
        parts = [stream.read(HEAD_BYTES)]
        for position in (size // 2, size - PART_BYTES):
            if position > HEAD_BYTES:
                stream.seek(position)
                parts.append(stream.read(PART_BYTES))
    return parts


def _refuse_binary(path: Path, head: bytes) -> None:
    for magic, kind in MAGIC:
        if head.startswith(magic):
            raise BadFile(
                f"{path.name} isn't a table: its content is {kind}. Allowed: CSV, TSV, Parquet, Excel (.xlsx), also .gz."
            )
    if MARKUP.match(head):
        raise BadFile(
            f"{path.name} isn't a table: its content looks like HTML, XML or JSON. Allowed: CSV, TSV, Parquet, Excel (.xlsx), "
            "also .gz. Export it as one of these."
        )
    if any(head.startswith(bom) for bom, _ in BOMS) or _utf16_without_bom(head):
        return
    controls = sum(head.count(bytes([byte])) for byte in range(32) if byte not in (9, 10, 12, 13))
    if controls > len(head) // 200:
        raise BadFile(
            f"{path.name} isn't text: {controls} of its first {len(head)} bytes are control characters. "
            "Allowed: CSV, TSV, Parquet, Excel (.xlsx), also .gz. Export it again as one of these."
        )


def _utf16_without_bom(head: bytes) -> str:
    """utf-16-le or utf-16-be if every second byte is mostly zero, else empty."""
    sample = head[:2000]
    if len(sample) < 8:
        return ""
    even, odd = sample[::2].count(0) / (len(sample) / 2), sample[1::2].count(0) / (len(sample) / 2)
    if odd > 0.7 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.1 else ""


def _encoding(path: Path, parts: list[bytes], notes: list[str]) -> str:
    for bom, name in BOMS:
        if parts[0].startswith(bom):
            return name
    if wide := _utf16_without_bom(parts[0]):
        return wide
    if all(_is_utf8(part) for part in parts):
        return "utf-8"
    _refuse_mixed(path, parts[0])
    found = _guess_encoding(b"\n".join(parts))
    notes.append(
        f"The text isn't UTF-8; it was read as {found}. If names look wrong, set `encoding` in the mapping file."
    )
    return found


def _refuse_mixed(path: Path, head: bytes) -> None:
    """A file of which some lines are UTF-8 and others aren't would be read wrong in either: `Käse` and `KÃ¤se`.

    Lines count as UTF-8 that spell accented letters in it: in any other encoding that would be letters and signs in an
    order that nobody writes.
    """
    # The last line of a head may be cut within a letter.
    whole = head.splitlines() if len(head) < HEAD_BYTES else head.splitlines()[:-1]
    lines = [line for line in whole if any(byte > 127 for byte in line)]
    spelled = wrong = 0
    example = b""
    for line in lines:
        try:
            spelled += any("\u00c0" <= letter <= "\u017f" for letter in line.decode("utf-8"))
        except UnicodeDecodeError:
            example = example or line
            wrong += 1
    if wrong and spelled > 0.01 * len(lines):
        shown = example.decode("cp1252", "replace")[:80]
        raise BadFile(
            f"{path.name} mixes encodings: {spelled} of its first lines are UTF-8, {wrong} aren't (line "
            f"{whole.index(example) + 1}: {shown}). Nothing was loaded. Export it again in one encoding, UTF-8 at best, or "
            "mend these lines."
        )


def _is_utf8(part: bytes) -> bool:
    trimmed = part.lstrip(bytes(range(0x80, 0xC0))) if len(part) == PART_BYTES else part
    try:
        trimmed.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(trimmed) - 4 and "unexpected end" in error.reason
    return True


def _guess_encoding(data: bytes) -> str:
    """cp1252 when its reading is made of Western letters and signs; else the detector's word."""
    odd_lines = b"\n".join(line for line in data.splitlines() if any(byte > 127 for byte in line[:2000]))[:100_000]
    try:
        letters = {character for character in odd_lines.decode("cp1252") if ord(character) > 127}
        if all((ord(c) < 0x180 and c.isalpha()) or c in "€£¥§°²³½¼’‘“”–—…™®©«»·\xa0" for c in letters):
            return "cp1252"
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    best = from_bytes(odd_lines).best()
    return best.encoding if best is not None else "latin-1"


def _decode(path: Path, head: bytes, encoding: str) -> str:
    try:
        return head.decode(encoding)
    except LookupError as error:
        raise BadFile(
            f"{path.name}: encoding {encoding!r} is unknown. Known ones: utf-8, utf-16, cp1252, latin-1, cp1250, gb18030..."
        ) from error
    except UnicodeDecodeError as error:
        if error.start > len(head) - 4:
            return head[: error.start].decode(encoding)
        line = head[: error.start].count(b"\n") + 1
        raise BadFile(
            f"{path.name} isn't {encoding}: byte 0x{head[error.start]:02x} in line {line} doesn't fit. "
            "Set the right `encoding` in the mapping file (often cp1252), or save the file as UTF-8."
        ) from error


def _delimiter(text: str) -> str:
    """The character that splits most lines into the same number of columns."""
    lines = [line for line in text.splitlines()[:400] if line.strip()][:200]
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width, count = max(widths.items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]), default=(1, 0))
        share = count / max(sum(widths.values()), 1)
        if width > 1 and share > best_share + 0.05:
            best, best_share = delimiter, share
    return best


def _header_line(text: str, delimiter: str, quote: str) -> int:
    """Line of the column names: the first one as wide as the table; 0 if that one holds data."""
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, quotechar=quote)
    try:
        for row in reader:
            if row:
                rows.append((reader.line_num, row))
            if len(rows) >= 50:
                break
    except csv.Error:
        pass
    if not rows:
        return 1
    width = Counter(len(row) for _, row in rows).most_common(1)[0][0]
    # A title may be padded with delimiters to the table's width: names fill most of theirs.
    filled = max(_filled(row) for _, row in rows if len(row) == width)
    number, first = next(
        (number, row) for number, row in rows if len(row) == width and _filled(row) >= FILLED_NAMES * filled
    )
    cells = [cell.strip() for cell in first if cell.strip()]
    dates = sum(bool(DATE.fullmatch(cell)) for cell in cells)
    numbers = sum(bool(NUMBER.fullmatch(cell)) for cell in cells) - sum(
        bool(NUMBER.fullmatch(cell) and DATE.fullmatch(cell)) for cell in cells
    )
    wide = dates >= 2 and len(cells) > dates
    return 0 if (numbers and not wide) or (dates == 1 and len(cells) > 1) else number


def _filled(row: list[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _excel(path: Path, given: FileShape, *, zipped: bool) -> tuple[FileShape, tuple[str, ...]]:
    import zipfile

    if zipped:
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise BadFile(f"{path.name} is a damaged Excel or ZIP file: {error}. Export it again.") from error
        if not any(name.startswith("xl/") for name in names):
            raise BadFile(
                f"{path.name} is a ZIP archive ({', '.join(names[:3])}...), not a table. Unpack it, then load the files in it."
            )
    return FileShape("excel", sheet=given.sheet, header_line=given.header_line), ()
