"""Change files as AWS DMS writes them: full load and changes of a table, in order of their commit.

    <schema>/<table>/LOAD00000001.csv                  full load (column Op, if it is there, holds I)
    <schema>/<table>/20260310-060000123.csv            changes: first column Op = I, U or D

CSV needs a header (AddColumnName=true); Parquet has one. A column that says when a change was committed
(`TimestampColumnName`: cdc_timestamp, dms_timestamp...) or its place in the log (`AR_H_CHANGE_SEQ`, lsn) orders changes
across files; without one a file's name and the row do. Compressed files (.gz) are read as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadFile
from shelfcast.sources.batches import SOURCE_LINE, no_faults
from shelfcast.sources.files import open_file

OP, SEQ, FILE = "__op", "__seq", "__file"
OPS = ("I", "U", "D")
OP_NAMES = ("op", "__op", "operation", "dms_op", "ar_h_operation")
SEQ_NAMES = ("ar_h_change_seq", "change_seq", "lsn", "cdc_timestamp", "dms_timestamp", "ar_h_timestamp", "transact_seq", "commit_timestamp")  # fmt: skip
SEQ_WIDTH = 40
"""What orders changes is filled with zeros to this width, so that numbers of any length compare as text."""
FULL_LOAD = re.compile(r"^LOAD[0-9A-F]+\.", re.IGNORECASE)
ENDINGS = (".csv", ".csv.gz", ".parquet")
LONG_OPS = {"INSERT": "I", "UPDATE": "U", "DELETE": "D", "REFRESH": "I"}


@dataclass(frozen=True)
class SourceTable:
    """The files of one table, as `schema.table` (or the folder's name)."""

    name: str
    full_load: tuple[Path, ...]
    changes: tuple[Path, ...]

    @property
    def short_name(self) -> str:
        return self.name.rsplit(".", 1)[-1]


def tables_in(folder: Path) -> list[SourceTable]:
    """Every folder below that holds change files.

    Raises:
        BadFile: there is none.
    """
    found = []
    for one in sorted({path.parent for path in folder.rglob("*") if path.name.lower().endswith(ENDINGS)}):
        files = sorted(path for path in one.iterdir() if path.is_file() and path.name.lower().endswith(ENDINGS))
        parts = one.relative_to(folder).parts[-2:] or (folder.name,)
        full = tuple(path for path in files if FULL_LOAD.match(path.name))
        found.append(SourceTable(".".join(parts), full, tuple(path for path in files if path not in full)))
    if not found:
        raise BadFile(
            f"{folder} holds no change files. Wanted: <schema>/<table>/LOAD*.csv and <time>.csv (or .gz, .parquet)."
        )
    return found


@dataclass(frozen=True)
class ChangeRows:
    """Rows of change files: data columns, `OP`, `SEQ` (sorts as the changes were made), `FILE`, numbered by `SOURCE_LINE`.

    rows that came = frame + broken.
    """

    frame: pl.DataFrame
    broken: pl.DataFrame
    """Faults: lines that can't be split, and rows whose Op is none."""
    columns: tuple[str, ...]
    """Data columns."""


def read_changes(files: Sequence[Path], *, full_load: bool) -> ChangeRows:
    """Read files in their order.

    Raises:
        BadFile: a file that can't be read, or changes without a column Op.
    """
    frames: list[pl.DataFrame] = []
    broken: list[pl.DataFrame] = [no_faults()]
    columns: dict[str, None] = {}
    for number, path in enumerate(files):
        file = open_file(path)
        op, order = _named(file.columns, OP_NAMES), _named(file.columns, SEQ_NAMES)
        if op is None and not full_load:
            raise BadFile(
                f"{path.name} has no column Op; it has: {', '.join(file.columns)}. Let DMS write column names (AddColumnName=true)."
            )
        for batch in file.batches():
            broken.append(batch.broken)
            rows = batch.frame
            if rows.is_empty():
                continue
            data = [name for name in rows.columns if name not in (SOURCE_LINE, op, order)]
            columns |= dict.fromkeys(data)
            kind = (
                pl.lit("I")
                if op is None
                else pl.col(op).cast(pl.String).str.strip_chars().str.to_uppercase().replace(LONG_OPS)
            )
            when = pl.lit(_of_name(path)) if order is None else pl.col(order).cast(pl.String).fill_null("")
            place = pl.concat_str(
                pl.lit(f"|{path.name}|{number:06d}|"), pl.col(SOURCE_LINE).cast(pl.String).str.zfill(12)
            )
            frames.append(
                rows.select(
                    *data, kind.alias(OP), pl.concat_str(when.str.zfill(SEQ_WIDTH), place).alias(SEQ),
                    pl.lit(path.name).alias(FILE), SOURCE_LINE,
                )
            )  # fmt: skip
    empty = pl.DataFrame(schema={OP: pl.String, SEQ: pl.String, FILE: pl.String, SOURCE_LINE: pl.Int64})
    frame = pl.concat(frames, how="diagonal_relaxed") if frames else empty
    known = pl.col(OP).is_in(OPS).fill_null(False)
    return ChangeRows(
        _numbered(frame.filter(known)),
        pl.concat([*broken, _strange(frame.filter(~known), list(columns))]),
        tuple(columns),
    )


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.int_range(1, frame.height + 1, dtype=pl.Int64).alias(SOURCE_LINE))


def _strange(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Rows whose Op is none, as faults."""
    if rows.is_empty():
        return no_faults()
    return rows.select(
        SOURCE_LINE,
        pl.lit("Op").alias("column"),
        pl.col(OP).alias("value"),
        pl.lit("not_allowed").alias("rule"),
        pl.concat_str(
            pl.lit("Op is '"), pl.col(OP).fill_null(""), pl.lit("'; allowed: I, U, D. See what wrote the file.")
        ).alias("reason"),
        (pl.struct(columns).struct.json_encode() if columns else pl.lit("{}")).alias("row"),
    )


def _named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {one.strip().lower(): one for one in columns}
    return next((by_name[name] for name in names if name in by_name), None)


def _of_name(path: Path) -> str:
    """The time in a change file's name; nothing for a full load, which comes before all changes."""
    found = re.match(r"\d{8}-\d{6,9}", path.name)
    return found.group() if found else ""
