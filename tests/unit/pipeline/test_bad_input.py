"""Bad input: a clear error or a place in the quarantine, and nothing lost. One test for each kind."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadFile, BadInput, BadMapping, TooManyBadRows
from shelfcast.domain.tables import curated
from shelfcast.pipeline.ingest_files import ingest_files, load_files, plan_file, plan_files
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform

HEADER = "item_id,location_id,date,units\n"


@pytest.fixture
def platform() -> Platform:
    return in_memory()


@pytest.fixture
def write(tmp_path: Path):
    def write_file(text: str | bytes, name: str = "sales.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


def load(platform: Platform, *paths: Path, **more) -> LoadReport:
    reports = ingest_files(platform, paths, **more)
    for report in reports:
        for one in report.tables:
            assert one.rows_in == one.kept + one.quarantined
            assert one.kept == one.inserted + one.corrected + one.unchanged + one.folded
    return reports[-1]


def rows(platform: Platform, table=curated.SALES) -> pl.DataFrame:
    return platform.tables.scan(table).sort(*table.key).collect()


def rules(report: LoadReport) -> dict[str, int]:
    return report.quarantined_by_rule()


def test_an_empty_file_is_refused(platform, write):
    with pytest.raises(BadFile, match=r"sales\.csv is empty"):
        load(platform, write(""))


def test_a_file_of_blank_lines_is_refused(platform, write):
    with pytest.raises(BadFile, match="only blank lines"):
        load(platform, write("\n\n  \n"))


def test_a_file_with_names_and_no_rows_is_refused(platform, write):
    with pytest.raises(BadFile, match="no rows"):
        load(platform, write(HEADER))


def test_a_missing_file_is_refused(platform, tmp_path):
    with pytest.raises(BadFile, match="doesn't exist"):
        load(platform, tmp_path / "none.csv")


def test_a_folder_without_data_files_is_refused(platform, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to load")
    with pytest.raises(BadFile, match="folder without data files"):
        load(platform, tmp_path)


def test_a_folder_stands_for_its_data_files(platform, write, tmp_path):
    for name in ("a", "b"):
        folder = tmp_path / "shop" / name
        folder.mkdir(parents=True)
        (folder / f"sales-{name}.csv").write_text(f"item_id,location_id,date,units\n{name},S1,2026-01-01,1\n")
    for name in ("truth/sales.csv", ".hidden/sales.csv", "readme.md"):
        path = tmp_path / "shop" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("item_id,location_id,date,units\nx,S1,2026-01-01,1\n")
    load(platform, tmp_path / "shop")
    assert set(rows(platform)["item_id"]) == {"a", "b"}


def test_a_picture_named_csv_is_refused(platform, write):
    with pytest.raises(BadFile, match="PNG picture"):
        load(platform, write(b"\x89PNG\r\n\x1a\n" + bytes(200)))


def test_random_bytes_named_csv_are_refused(platform, write):
    with pytest.raises(BadFile, match="isn't text"):
        load(platform, write(bytes(range(256)) * 20))


def test_a_zip_archive_is_refused_with_its_content_named(platform, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "sales.csv", "w") as archive:
        archive.writestr("inner.csv", HEADER)
    with pytest.raises(BadFile, match=r"ZIP archive \(inner.csv"):
        load(platform, tmp_path / "sales.csv")


def test_a_damaged_parquet_file_is_refused(platform, write):
    with pytest.raises(BadFile, match="can't be read"):
        load(platform, write(b"PAR1" + bytes(100), "sales.parquet"))


def test_a_gzip_file_that_breaks_off_is_refused(platform, write):
    import gzip

    whole = gzip.compress((HEADER + "A,S,2025-01-01,1\n" * 20_000).encode())
    with pytest.raises(BadFile, match="can't be decompressed"):
        load(platform, write(whole[: len(whole) // 2], "sales.csv.gz"))


def test_an_encoding_that_does_not_fit_is_refused_with_the_line(platform, write, tmp_path):
    data = (HEADER + "A,S,2025-01-01,1\nKäse,S,2025-01-01,1\n").encode("cp1252")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "file: {encoding: utf-8}\ntargets:\n- table: sales\n  columns: {item_id: item_id, location_id: location_id,"
        " date: date, units: units}\n"
    )
    with pytest.raises(BadFile, match=r"isn't utf-8: byte 0xe4 in line 3.*cp1252"):
        load(platform, write(data), mapping_file=mapping)


def test_western_text_that_is_not_utf8_is_read_and_said_so(platform, write):
    report = load(platform, write((HEADER + "Käse,Zürich,2025-01-01,1\n").encode("cp1252")))
    assert rows(platform)["item_id"].to_list() == ["Käse"]
    assert any("cp1252" in note for note in report.notes)


def test_a_wrong_byte_late_in_the_file_loads_nothing(platform, write):
    good = "".join(f"A{n},S,2025-01-01,1\n" for n in range(60_000))
    late = good.encode() + "Käse,S,2025-01-01,1\n".encode("cp1252") + 2 * good.encode()
    with pytest.raises(BadInput, match="encoding"):
        load(platform, write(HEADER.encode() + late))
    assert rows(platform).is_empty()


def test_a_missing_column_is_named_with_what_is_there(platform, write):
    with pytest.raises(BadMapping, match=r"needs units.*The file has: item_id, location_id, date, colour"):
        load(platform, write("item_id,location_id,date,colour\nA,S,2025-01-01,red\n"))


def test_columns_that_fit_no_table_are_refused(platform, write):
    with pytest.raises(BadMapping, match="fit no table"):
        load(platform, write("foo,bar\nx,y\n", "thing.csv"))


def test_a_doubled_column_is_refused(platform, write):
    with pytest.raises(BadFile, match=r"'units' stands 2 times \(columns 4, 5\)"):
        load(platform, write("item_id,location_id,date,units,units\nA,S,2025-01-01,1,2\n"))


def test_an_unknown_item_is_kept_flagged_and_described_later(platform, write):
    load(platform, write("item_id,name\nA,Apples\n", "items.csv"))
    report = load(platform, write(HEADER + "A,S,2025-01-01,1\nB,S,2025-01-01,2\n"))
    remarks = {one.what: one for one in report.tables[0].remarks}
    assert remarks["unknown item"].rows == 1
    assert "(B)" in remarks["unknown item"].message
    assert rows(platform)["units"].sum() == 3
    load(platform, write("item_id,name\nB,Bread\n", "items.csv"))
    assert rows(platform, curated.ITEMS)["name"].to_list() == ["Apples", "Bread"]


def test_dates_out_of_range_go_to_quarantine(platform, write):
    text = HEADER + "A,S,1900-01-01,1\nA,S,2999-12-31,1\nA,S,2025-13-45,1\nA,S,2025-01-01,1\nA,S,2030-01-01,1\n"
    report = load(platform, write(text), max_bad_share=0.9)
    assert report.kept == 1
    assert rules(report) == {"date": 1, "date_too_old": 1, "date_too_late": 1, "date_in_future": 1}


def test_dates_in_mixed_formats_are_read_where_nothing_is_ambiguous(platform, write):
    text = HEADER + "A,S,31.12.2024,1\nA,S,2025-01-02,2\nA,S,03.01.2025,3\nA,S,12/31/2024,4\nA,S,20250104,5\n"
    report = load(platform, write(text))
    assert rows(platform)["date"].cast(str).to_list() == ["2024-12-31", "2025-01-02", "2025-01-03", "2025-01-04"]
    reason = report.tables[0].reasons[0]
    assert (reason.rule, reason.column, reason.first_lines) == ("date", "date", (4,))
    assert "'12/31/2024' is no date in the format %d.%m.%Y" in reason.example


def test_negative_and_fractional_units_are_kept_and_said_so(platform, write):
    report = load(platform, write(HEADER + "A,S,2025-01-01,-2\nA,S,2025-01-02,0.35\n"))
    assert rows(platform)["units"].to_list() == [-2.0, 0.35]
    assert {one.what for one in report.tables[0].remarks} >= {"negative units", "fractional units"}


def test_negative_stock_orders_go_to_quarantine(platform, write):
    text = "order_id,item_id,destination_id,source_id,date,qty_open,promised_date\n1,A,S,V,2025-01-01,-5,2025-01-03\n2,A,S,V,2025-01-01,5,2025-01-03\n"
    report = load(platform, write(text, "open_orders.csv"))
    assert rules(report) == {"negative": 1}


def test_a_price_of_zero_goes_to_quarantine(platform, write):
    report = load(
        platform, write("item_id,location_id,valid_from,price\nA,S,2025-01-01,0\nA,S,2025-02-01,2\n", "prices.csv")
    )
    assert (report.kept, rules(report)) == (1, {"zero_price": 1})


def test_one_key_with_different_values_keeps_neither(platform, write):
    text = HEADER + "A,S,2025-01-01,1\nB,S,2025-01-01,5\nA,S,2025-01-01,2\nB,S,2025-01-01,5\nC,S,2025-01-01,1\n"
    report = load(platform, write(text), max_bad_share=0.9)
    assert rules(report) == {"duplicate_key_conflict": 2, "duplicate_row": 1}
    assert rows(platform)["item_id"].to_list() == ["B", "C"]


def test_ten_percent_broken_rows_are_quarantined_and_the_rest_is_loaded(platform, write):
    lines = [f"A{n},S,2025-01-01,{n}" if n % 10 else f"A{n},S,2025-01-01" for n in range(1, 1001)]
    report = load(platform, write(HEADER + "\n".join(lines) + "\n"))
    assert (report.rows_in, report.kept, report.quarantined) == (1000, 900, 100)
    bad = rows(platform, curated.QUARANTINE).sort("source_line")
    assert bad["source_line"].to_list() == list(range(10, 1001, 10))
    assert json.loads(bad["row"][0]) == {"line": "A10,S,2025-01-01"}
    assert "has 3 columns, the header has 4" in bad["reason"][0]


def test_a_file_that_is_mostly_bad_is_refused_kept_and_explained(platform, write):
    path = write(HEADER + "A,S,2025-01-01,1\n" + "".join(f"A,S,2025-01-02,x{n}\n" for n in range(9)))
    with pytest.raises(TooManyBadRows, match=r"9 of 10 rows for table sales can't be used \(90%; allowed 50%\)"):
        load(platform, path)
    assert rows(platform).is_empty()
    assert rows(platform, curated.QUARANTINE).height == 9
    assert len(platform.blobs.list("raw/")) == 1
    assert load(platform, path, max_bad_share=0.95).kept == 1
    assert rows(platform, curated.QUARANTINE).height == 9


def test_a_bad_file_holds_up_no_other(platform, write):
    good = write(HEADER + "A,S,2025-01-01,1\n", "sales-2025-01.csv")
    bad = write(HEADER + "A,S,2025-02-01,x\n" * 5, "sales-2025-02.csv")
    last = write(HEADER + "A,S,2025-03-01,3\n", "sales-2025-03.csv")
    reports = load_files(platform, plan_files(platform, [good, bad, last]))
    assert [report.state for report in reports] == ["done", "refused", "done"]
    assert rows(platform)["units"].to_list() == [1.0, 3.0]


def test_an_open_quote_loses_no_line(platform, write):
    report = load(
        platform, write(HEADER + 'A,S,2025-01-01,1\n"B,S,2025-01-01,2\nC,S,2025-01-01,3\n'), max_bad_share=0.9
    )
    assert (report.rows_in, report.kept, report.quarantined) == (3, 2, 1)
    assert rows(platform)["item_id"].to_list() == ["A", "C"]
    assert "B,S,2025-01-01,2" in rows(platform, curated.QUARANTINE)["row"].item()


def test_the_same_file_twice_changes_nothing_and_says_so(platform, write):
    path = write(HEADER + "A,S,2025-01-01,1\nA,S,2025-01-02,x\n")
    first = load(platform, path)
    before = rows(platform), rows(platform, curated.QUARANTINE)
    second = load(platform, path)
    assert (first.state, second.state, second.inserted, second.unchanged) == ("done", "unchanged", 0, 1)
    third = load(platform, path, again=True)
    assert (third.state, third.inserted, third.unchanged) == ("done", 0, 1)
    assert rows(platform).equals(before[0])
    assert rows(platform, curated.QUARANTINE).equals(before[1])


def test_a_correction_supersedes_and_keeps_what_was(platform, write):
    load(platform, write(HEADER + "A,S,2025-01-01,1\nA,S,2025-01-02,1\n"))
    report = load(platform, write(HEADER + "A,S,2025-01-01,7\nA,S,2025-01-02,1\n"))
    assert (report.corrected, report.unchanged) == (1, 1)
    assert rows(platform).height == 3


def test_an_unknown_table_is_refused(platform, write):
    with pytest.raises(BadInput, match="table 'sails' is unknown; known: "):
        plan_file(platform, write(HEADER + "A,S,2025-01-01,1\n"), table="sails")


def test_names_that_are_only_a_guess_still_need_what_the_table_needs(platform, write):
    with pytest.raises(BadMapping, match="prices needs price"):
        load(platform, write("sku,shop,day\nA,S,2025-01-01\n", "prices.csv"))


def test_money_in_another_currency_is_not_used(platform, write):
    text = "item_id,location_id,valid_from,price,currency\nA,S,2025-01-01,2,EUR\nB,S,2025-01-01,2,usd\nC,S,2025-01-01,2,€\nD,S,2025-01-01,2,\n"
    report = load(platform, write(text, "prices.csv"), currency="EUR")
    assert (report.kept, rules(report)) == (3, {"currency": 1})
    assert "'usd' is another currency than the lake's, EUR" in report.tables[0].reasons[0].example


def test_a_mapping_file_that_is_no_text_is_refused(platform, write):
    mapping = write(b"\xff\xfe\x00\x01", "mapping.yaml")
    with pytest.raises(BadFile, match="isn't text in UTF-8"):
        plan_file(platform, write(HEADER + "A,S,2025-01-01,1\n"), mapping_file=mapping)


def test_a_file_whose_every_line_is_broken_says_so(platform, write):
    with pytest.raises(BadFile, match=r"none of its 2 rows has the 4 columns of the header.*line 1 .*3 columns"):
        ingest_files(platform, [write(HEADER + "A,S,1\nB,S,2025-01-01,1,2\n")])
