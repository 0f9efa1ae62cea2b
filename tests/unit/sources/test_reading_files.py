"""Files of all formats are opened by what they hold, and stream with row numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from shelfcast.domain.errors import BadFile
from shelfcast.sources.batches import SOURCE_LINE
from shelfcast.sources.files import open_file
from shelfcast.sources.sniffing import FileShape

ROWS = [("A", "Zürich", "1.5"), ("B", "Genève", "2")]


def text(delimiter: str) -> str:
    return "\n".join(delimiter.join(row) for row in [("item", "store", "qty"), *ROWS]) + "\n"


def content(path: Path, shape: FileShape | None = None) -> list[tuple]:
    frames = [batch.frame for batch in open_file(path, shape).batches()]
    return pl.concat(frames).drop(SOURCE_LINE).rows()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_delimiter_and_encoding_are_found(tmp_path, delimiter, encoding):
    path = tmp_path / "sales.csv"
    path.write_bytes(text(delimiter).encode(encoding))
    assert open_file(path).columns == ("item", "store", "qty")
    assert content(path) == ROWS


def test_gzip_is_read_as_what_it_holds(tmp_path):
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress(text(";").encode()))
    assert content(path) == ROWS


def test_a_text_in_another_alphabet_is_found(tmp_path):
    path = tmp_path / "items.csv"
    names = ["Хлеб белый нарезной", "Молоко топлёное", "Сыр российский выдержанный", "Яблоки сезонные красные"] * 5
    path.write_bytes(("item,name\n" + "".join(f"{n},{name}\n" for n, name in enumerate(names))).encode("cp1251"))
    assert content(path)[0] == ("0", "Хлеб белый нарезной")


def test_lines_above_the_names_are_left_out_and_said_so(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("Export of Monday\n\nitem;store;date;qty\nA;S;2025-01-01;1\nB;S;2025-01-01;2\n")
    file = open_file(path)
    assert (file.columns, file.shape.header_line) == (("item", "store", "date", "qty"), 3)
    assert [batch.frame[SOURCE_LINE].to_list() for batch in file.batches()] == [[1, 2]]
    assert "line 3" in file.notes[0]


def test_a_file_without_names_gets_numbered_ones(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("A,S,2025-01-01,1\nB,S,2025-01-01,2\n")
    file = open_file(path)
    assert file.columns == ("column_1", "column_2", "column_3", "column_4")
    assert file.sample().height == 2


def test_quotes_hold_delimiters_and_line_breaks(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text('item,name\nA,"Bread, ""white""\nsliced"\nB,Milk\n')
    assert content(path) == [("A", 'Bread, "white"\nsliced'), ("B", "Milk")]


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_row_numbers_count_blank_and_broken_lines(tmp_path, end):
    path = tmp_path / "sales.csv"
    path.write_bytes(end.join(["a,b", "1,2", "", "3", "4,5", "6,7,8", "9,10"]).encode())
    batches = list(open_file(path).batches())
    assert [line for batch in batches for line in batch.frame[SOURCE_LINE]] == [1, 4, 6]
    assert [line for batch in batches for line in batch.broken[SOURCE_LINE]] == [3, 5]


def test_row_numbers_hold_across_blocks_of_a_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr("shelfcast.sources.files.BLOCK_BYTES", 4096)
    path = tmp_path / "sales.csv"
    path.write_text("n,b\n" + "".join(f"{n},x\n" if n % 97 else f"{n}\n" for n in range(1, 20_001)))
    seen: list[int] = []
    for batch in open_file(path).batches(1000):
        assert batch.frame["n"].cast(pl.Int64).to_list() == batch.frame[SOURCE_LINE].to_list()
        assert [int(value) for value in batch.broken["value"]] == batch.broken[SOURCE_LINE].to_list()
        seen += [*batch.frame[SOURCE_LINE], *batch.broken[SOURCE_LINE]]
    assert sorted(seen) == list(range(1, 20_001))


def test_batches_are_bounded_and_a_wide_file_has_smaller_ones(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{n}x" for n in range(100)) + "\n" + (",".join("1" * 100) + "\n") * 500)
    assert max(batch.frame.height for batch in open_file(path).batches(100)) <= 500
    assert sum(batch.rows for batch in open_file(path).batches(100)) == 500


def test_parquet_keeps_its_types_and_streams(tmp_path):
    path = tmp_path / "sales.parquet"
    frame = pl.DataFrame({"item": pl.Series(["A", "B"] * 500, dtype=pl.Categorical), "qty": range(1000)})
    frame.write_parquet(path, row_group_size=100)
    batches = list(open_file(path).batches(300))
    assert [batch.frame.height for batch in batches] == [300, 300, 300, 100]
    assert batches[1].frame.dtypes == [pl.String, pl.Int64, pl.Int64]
    assert batches[1].frame[SOURCE_LINE][0] == 301


def test_parquet_named_csv_is_read_as_what_it_is(tmp_path):
    path = tmp_path / "sales.csv"
    pl.DataFrame({"item": ["A"]}).write_parquet(path)
    assert content(path) == [("A",)]


def workbook(path: Path, sheets: dict[str, list[list]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_excel_mixes_types_in_a_column_without_losing_any(tmp_path):
    path = workbook(tmp_path / "s.xlsx", {"Sheet": [["invoice", "qty"], [536365, 1], ["C536379", -2.5]]})
    assert content(path) == [("536365", "1"), ("C536379", "-2.5")]


def test_excel_sheets_with_one_header_follow_each_other(tmp_path):
    sheets = {"notes": [], "2024": [["a", "b"], [1, 2]], "2025": [["a", "b"], [3, 4]], "other": [["x"], [9]]}
    path = workbook(tmp_path / "s.xlsx", sheets)
    assert content(path) == [("1", "2"), ("3", "4")]
    assert content(path, FileShape(sheet="2025")) == [("3", "4")]
    with pytest.raises(BadFile, match="no sheet 'none'; it has: notes, 2024"):
        open_file(path, FileShape(sheet="none"))


def test_an_excel_header_below_a_title_is_found(tmp_path):
    path = workbook(tmp_path / "s.xlsx", {"S": [["Sales report"], [], ["item", "store", "qty"], ["A", "S", 1]]})
    assert content(path) == [("A", "S", "1")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path, end):
    path = tmp_path / "sales.csv"
    lines = ["item,store,qty", "A,S,1", 'B,"Ulm West,2', "C,S,3", "D,S", '"E","S",5', "F,S,6", 'G,"S,7', "H,S,8"]
    path.write_bytes((end.join(lines) + end).encode())
    batches = list(open_file(path).batches())
    kept = pl.concat([batch.frame for batch in batches if batch.frame.height]).sort(SOURCE_LINE)
    assert kept["item"].to_list() == ["A", "C", "E", "F", "H"]
    assert kept[SOURCE_LINE].to_list() == [1, 3, 5, 6, 8]
    broken = pl.concat([batch.broken for batch in batches]).sort(SOURCE_LINE)
    assert broken[SOURCE_LINE].to_list() == [2, 4, 7]
    assert "quote" in broken["reason"][0] and broken["value"][0].startswith('B,"Ulm West,2')


def test_an_open_quote_in_a_large_file_swallows_nothing(tmp_path):
    path = tmp_path / "sales.csv"
    rows = [f"I{n},S,{n}" for n in range(20_000)]
    rows[5_000] = 'I5000,"S,1'
    path.write_text("\n".join(["item,store,qty", *rows]) + "\n")
    batches = list(open_file(path).batches(1_000))
    assert sum(batch.frame.height for batch in batches) == 19_999
    assert sum(batch.broken.height for batch in batches) == 1
    numbers = pl.concat([batch.frame for batch in batches if batch.frame.height])
    assert (numbers["qty"].cast(pl.Int64) + 1 == numbers[SOURCE_LINE]).all()


def test_a_broken_row_with_a_line_break_in_a_value_stays_one_row(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text('item,store,qty\nA,S,1\nB,"two\nlines"\nC,S,3\n')
    batches = list(open_file(path).batches())
    assert sum(batch.broken.height for batch in batches) == 1
    assert [batch.frame[SOURCE_LINE].to_list() for batch in batches if batch.frame.height] == [[1, 3]]


def test_a_plain_text_named_gz_is_read_as_what_it_is(tmp_path):
    path = tmp_path / "sales.csv.gz"
    path.write_text(text(";"))
    assert content(path) == ROWS


def test_a_file_of_two_encodings_is_refused_and_told_where(tmp_path):
    path = tmp_path / "sales.csv"
    rows = "item,store,qty\n" + "Käse,Köln,1\n" * 50
    path.write_bytes(rows.encode() + "Käse,Köln,2\nBrot,Ulm,3\n".encode("cp1252"))
    with pytest.raises(BadFile, match=r"mixes encodings.*line 52"):
        open_file(path)


def test_one_line_in_another_encoding_at_the_end_is_found(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(("item,store,qty\n" + "Käse,Köln,1\n" * 50).encode() + b"Brot,K\xf6ln,3\n")
    with pytest.raises(BadFile, match=r"50 of its first lines are UTF-8, 1 aren't .line 52"):
        open_file(path)


def test_letters_and_signs_that_happen_to_spell_utf8_are_no_second_encoding(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes("item,store,qty\nNESCAFÉ®,Köln,1\nCafé,Genève,2\n".encode("cp1252"))
    assert content(path)[0] == ("NESCAFÉ®", "Köln", "1")


def test_a_title_padded_to_the_width_of_the_table_is_left_out(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("Sales 2025;;;\nmade by;me;;\n\nitem;store;date;qty\nA;S;2025-01-01;1\nB;S;2025-01-01;2\n")
    assert open_file(path).columns == ("item", "store", "date", "qty")


def test_a_nameless_column_of_row_numbers_does_not_hide_the_names(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(",date,store,item,qty,\n0,2025-01-01,S,A,1,\n1,2025-01-02,S,A,2,\n")
    assert open_file(path).columns == ("column_1", "date", "store", "item", "qty", "column_6")


def test_an_open_quote_in_the_names_is_named(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text('item,"store,qty\n' + "A,S,1\n" * 40_000)
    with pytest.raises(BadFile, match="quote"):
        open_file(path)


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><p>Sign in", "<?xml version='1.0'?><a/>", '[{"item": 1}]\n', '{"item": 1}\n']
)
def test_a_page_or_json_named_csv_is_no_table(tmp_path, page):
    path = tmp_path / "sales.csv"
    path.write_text(page)
    with pytest.raises(BadFile, match="HTML, XML or JSON"):
        open_file(path)


def test_an_excel_cover_sheet_is_passed_over(tmp_path):
    path = tmp_path / "sales.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["Report of Monday"])
    sheet = book.create_sheet("Data")
    for row in (["Sales 2025"], [], ["item", "store", "qty"], ["A", "S", 1], ["B", "S", 2]):
        sheet.append(row)
    book.save(path)
    file = open_file(path)
    assert file.columns == ("item", "store", "qty")
    assert pl.concat([batch.frame for batch in file.batches()])["item"].to_list() == ["A", "B"]
