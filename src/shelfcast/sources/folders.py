"""Which files of a folder are a retailer's data.

sales/2026-01.csv, items.xlsx, stock.parquet      taken, by name
truth/..., .hidden, notes.txt, summary.json       left out, and named
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shelfcast.domain.errors import BadFile

ENDINGS = (".csv", ".tsv", ".txt.gz", ".csv.gz", ".tsv.gz", ".parquet", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
TRUTH = "truth"
"""Folder in which the simulator keeps what a retailer would not know."""


def data_files(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(files to load, files left out): a file is taken as named, a folder stands for its data files, by name.

    Raises:
        BadFile: a folder without a data file.
    """
    taken: list[Path] = []
    left: list[Path] = []
    for path in paths:
        if not path.is_dir():
            taken.append(path)
            continue
        inside = sorted(one for one in path.rglob("*") if one.is_file())
        found = [one for one in inside if _is_data(one.relative_to(path))]
        if not found:
            raise BadFile(f"{path} is a folder without data files; files that end in {', '.join(ENDINGS)} are loaded.")
        taken += found
        left += sorted(set(inside) - set(found))
    return taken, left


def _is_data(path: Path) -> bool:
    hidden = any(part.startswith((".", "~$")) for part in path.parts)
    return not hidden and path.parts[0] != TRUTH and path.name.lower().endswith(ENDINGS)
