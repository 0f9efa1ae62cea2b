"""`ingest` and `tables` as a person sees them."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from shelfcast.entrypoints.cli import app


def run(*arguments: str | Path) -> int:
    """Exit code of `shelfcast ...`."""
    before = sys.argv
    sys.argv = ["shelfcast", *map(str, arguments)]
    try:
        app.run()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    assert run("init", tmp_path / "lake") == 0
    return tmp_path / "lake"


def test_show_mapping_of_a_database_prints_and_loads_nothing(lake: Path, tmp_path: Path, capsys) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE sales (day TEXT, store TEXT, sku TEXT, qty REAL)")
        connection.execute("INSERT INTO sales VALUES ('2025-01-01', 'S', 'A', 3)")
    connection.close()
    url = f"sqlite:///{tmp_path}/shop.db"
    assert run("ingest", "--lake", lake, "--database", url, "--table", "sales", "--show-mapping") == 0
    assert "units: qty" in capsys.readouterr().out
    assert run("tables", "--lake", lake) == 0
    assert "The lake is empty" in capsys.readouterr().out


def test_show_mapping_of_a_public_set_is_refused(lake: Path, tmp_path: Path, capsys) -> None:
    assert run("ingest", "--lake", lake, "--dataset", "rossmann", tmp_path, "--show-mapping") == 2
    assert "Nothing was loaded" in capsys.readouterr().err


def test_what_was_assumed_of_a_file_is_said_even_if_its_names_are_the_declared_ones(
    lake: Path, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes("item_id,location_id,date,units\nKäse,Köln,2025-01-01,1\n".encode("cp1252"))
    assert run("ingest", "--lake", lake, path) == 0
    assert "read as cp1252" in capsys.readouterr().out


def test_the_quarantine_shows_each_reason_in_full(lake: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("item_id,location_id,date,units\nA,S,2025-01-01,1\nA,S,2025-01-02,many\n")
    assert run("ingest", "--lake", lake, path) == 0
    capsys.readouterr()
    assert run("tables", "quarantine", "--lake", lake) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "sales sales.csv 2 number" in shown and "'many' is no number" in shown and "mapping" in shown


def test_an_export_that_cannot_be_written_says_so(lake: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path, tmp_path / "file" / "sales.csv"):
        assert run("export", "sales", "--lake", lake, "-o", output) == 2
        assert "can't be written" in capsys.readouterr().err
