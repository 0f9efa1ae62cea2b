"""Which column is what: by names, by content, in long and wide files; kept as a file people edit."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from shelfcast.domain.errors import BadMapping
from shelfcast.domain.tables import TABLES
from shelfcast.sources.batches import SOURCE_LINE, RawBatch
from shelfcast.sources.convert import convert
from shelfcast.sources.infer_mapping import infer_mapping, shape_columns, table_hint
from shelfcast.sources.mapping import Mapping, fingerprint, from_yaml, to_yaml
from shelfcast.sources.numbers import NumberStyle
from shelfcast.sources.templates import column_help, csv_template, loadable_tables


def sample(**columns: list) -> pl.DataFrame:
    return pl.DataFrame(columns)


def infer(frame: pl.DataFrame, stem: str = "data", **more) -> Mapping:
    return infer_mapping(frame, source=f"{stem}.csv", stem=stem, **more)


def converted(frame: pl.DataFrame, mapping: Mapping) -> dict[str, pl.DataFrame]:
    lines = pl.int_range(1, frame.height + 1, eager=True).alias(SOURCE_LINE)
    return {b.table.name: b.frame.drop(SOURCE_LINE) for b in convert(RawBatch(frame.with_columns(lines)), mapping)}


def test_declared_names_are_certain():
    mapping = infer(sample(item_id=["A"], location_id=["S"], date=["2025-01-01"], units=["1"]))
    assert (mapping.targets[0].table, mapping.confidence) == ("sales", 1.0)


@pytest.mark.parametrize(
    "names",
    [
        ("SKU", "Store ID", "Sales_Date", "Qty"),
        ("Artikel", "Filiale", "Datum", "Menge"),
        ("item-no", "shop", "day", "sold"),
    ],
)
def test_names_people_use_are_known_without_case_spaces_and_dashes(names):
    frame = pl.DataFrame(dict(zip(names, [["A"], ["S"], ["2025-01-01"], ["1"]])))
    target = infer(frame).targets[0]
    assert target.columns == dict(zip(("item_id", "location_id", "date", "units"), names))


def test_unique_id_ds_and_y_are_recognised():
    frame = sample(unique_id=["A/S1"], ds=["2025-01-01"], y=[4.0])
    mapping = infer(frame)
    assert converted(frame, mapping)["sales"].to_dicts() == [
        {"date": date(2025, 1, 1), "units": 4.0, "item_id": "A/S1", "location_id": "all"}
    ]
    split = infer(frame, separator="/")
    row = converted(frame, split)["sales"].to_dicts()[0]
    assert (row["item_id"], row["location_id"]) == ("A", "S1")


def test_without_names_the_content_decides_and_says_it_is_a_guess():
    frame = sample(
        column_1=[f"item {n}" for n in range(10)], column_2=["north", "south"] * 5, column_3=["2025-01-01"] * 10, column_4=["3"] * 10
    )  # fmt: skip
    mapping = infer(frame)
    assert mapping.targets[0].columns == {
        "item_id": "column_1",
        "location_id": "column_2",
        "date": "column_3",
        "units": "column_4",
    }
    assert mapping.confidence < 0.5
    assert any("a guess" in reason for reason in mapping.reasons)


@pytest.mark.parametrize(
    ("stem", "table"),
    [
        ("sales_2024-05", "sales"),
        ("Store_Prices", "prices"),
        ("item_locations", "item_locations"),
        ("pos_events-2026-01-02", "pos_events"),
        ("stock", "stock"),
        ("blob", ""),
    ],
)
def test_the_file_name_hints_at_the_table(stem, table):
    assert table_hint(stem) == table


def test_the_file_name_tells_stock_from_sales():
    frame = sample(item=["A"], store=["S"], date=["2025-01-01"], quantity=["1"], on_hand=["1"])
    assert infer(frame, "stock").targets[0].table == "stock"
    assert infer(frame.drop("on_hand"), "sales").targets[0].table == "sales"


@pytest.mark.parametrize("name", [name for name, _ in loadable_tables()])
def test_the_template_of_every_table_is_mapped_to_it_whole(name):
    header, values = csv_template(name).splitlines()
    frame = pl.DataFrame(
        {c: [v or None] for c, v in zip(header.split(","), values.split(","))},
        schema_overrides=dict.fromkeys(header.split(","), pl.String),
    )
    mapping = infer(frame, name)
    assert (mapping.targets[0].table, mapping.ignored) == (name, ())
    assert {row["column"] for row in column_help(name)} == set(header.split(","))


def test_one_file_feeds_sales_prices_availability_and_suggests_the_rest():
    frame = sample(
        sku=["A", "A"],
        store=["S", "S"],
        day=["2025-01-01", "2025-01-02"],
        qty=[1, 2],
        price=[2.5, 2.5],
        out_of_stock=[0, 1],
        customers=[10, 12],
        note=["x", "y"],
    )
    mapping = infer(frame, "sales")
    tables = converted(frame, mapping)
    assert list(tables) == ["sales", "prices", "availability"]
    assert tables["prices"].height == 1
    assert tables["availability"]["in_stock_share"].to_list() == [1.0, 0.0]
    assert set(mapping.ignored) == {"customers", "note"}
    assert "customers" in mapping.suggestions[0].measures
    text = to_yaml(mapping, "sales.csv")
    assert "#   table: observations" in text or "# - table: observations" in text


def test_a_suggestion_put_under_targets_loads_observations():
    frame = sample(sku=["A"], store=["S"], day=["2025-01-01"], qty=[1], customers=[10])
    mapping = infer(frame, "sales")
    chosen = Mapping((*mapping.targets, *mapping.suggestions), mapping.numbers)
    chosen = from_yaml(to_yaml(chosen, "sales.csv"), "mapping.yaml")
    observed = converted(frame, chosen)["observations"].to_dicts()
    assert observed == [
        {"item_id": "A", "location_id": "S", "date": date(2025, 1, 1), "name": "customers", "value": 10.0}
    ]


def test_dates_as_column_names_are_melted_and_empty_cells_are_no_rows():
    frame = pl.DataFrame(
        {
            "item": ["A", "B"],
            "store": ["S", "S"],
            "2025-01-01": ["1", None],
            "2025-01-02": ["", "4"],
            "2025-01-03": ["0", "5"],
        }
    )
    mapping = infer(frame)
    rows = converted(frame, mapping)["sales"].sort("item_id", "date")
    assert rows.rows() == [
        ("A", "S", date(2025, 1, 1), 1.0),
        ("A", "S", date(2025, 1, 3), 0.0),
        ("B", "S", date(2025, 1, 2), 4.0),
        ("B", "S", date(2025, 1, 3), 5.0),
    ]


def test_numbered_periods_need_their_first_day():
    frame = pl.DataFrame({"item_id": ["A"], "store_id": ["S"], **{f"d_{n}": [n] for n in range(5, 25)}})
    with pytest.raises(BadMapping, match=r"d_5 ... d_24 look like numbered periods.*first_day"):
        infer(frame)
    rows = converted(frame, infer(frame, first_day=date(2025, 1, 1)))["sales"]
    assert (rows["date"].min(), rows["date"].max(), rows["units"].sum()) == (
        date(2025, 1, 5),
        date(2025, 1, 24),
        sum(range(5, 25)),
    )


def test_next_month_of_a_wide_file_has_the_same_shape():
    january = ["item", "store", *(f"2025-01-{n:02}" for n in range(1, 32))]
    february = ["item", "store", *(f"2025-02-{n:02}" for n in range(1, 29))]
    assert fingerprint(shape_columns(january)) == fingerprint(shape_columns(february))
    assert fingerprint(shape_columns(january), "sales") != fingerprint(shape_columns(january), "stock")


def test_a_mapping_written_and_read_is_the_same():
    frame = pl.DataFrame(
        {"Artikel/Filiale": ["A/S"], "unique_id": ["A/S"], "Datum": ["31.12.2024"], "Menge": ["1,5"], "Preis": ["2,5"]}
    )
    mapping = infer(frame, separator="/")
    again = from_yaml(to_yaml(mapping, "x.csv"), "x.yaml")
    assert (again.targets, again.numbers, again.file, again.ignored) == (
        mapping.targets,
        mapping.numbers,
        mapping.file,
        mapping.ignored,
    )
    assert mapping.numbers == NumberStyle(",")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("targets: [", "isn't a mapping file"),
        ("a: 1", "must have a list `targets`"),
        ("targets: [{columns: {}}]", "needs a `table`"),
        ("targets: [{table: sales, colums: {}}]", "'colums' is unknown here; known: columns"),
        ("targets: []\nfoo: 1", "'foo' is unknown"),
    ],
)
def test_a_broken_mapping_file_says_what_is_wrong(text, complaint):
    with pytest.raises(BadMapping, match=complaint):
        from_yaml(text, "my.yaml")


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("{table: sails}", "'sails' can't be loaded; known: locations"),
        ("{table: sales, columns: {item_id: nope}}", "'nope' isn't in the file; it has: a, b"),
        ("{table: sales, columns: {itm: a}}", "has no column 'itm'"),
        ("{table: sales, columns: {item_id: a}}", "needs date, location_id, units"),
    ],
)
def test_a_mapping_that_does_not_fit_the_file_says_why(target, complaint):
    with pytest.raises(BadMapping, match=complaint):
        from_yaml(f"targets: [{target}]", "my.yaml").check(["a", "b"], "file.csv")


def test_constants_and_defaults_fill_what_the_file_lacks():
    frame = sample(sku=["A"], day=["2025-01-01"], qty=["2"])
    mapping = from_yaml(
        "targets:\n- table: sales\n  columns: {item_id: sku, date: day, units: qty}\n  constants: {location_id: web}\n",
        "m.yaml",
    )
    assert converted(frame, mapping)["sales"]["location_id"].to_list() == ["web"]


def test_ids_that_are_numbers_keep_their_looks():
    frame = pl.DataFrame(
        {"item_id": [12.0, 13.0], "location_id": [1, 2], "date": [date(2025, 1, 1)] * 2, "units": [1, 2]}
    )
    rows = converted(frame, infer(frame))["sales"]
    assert rows["item_id"].to_list() == ["12", "13"]
    assert rows["location_id"].to_list() == ["1", "2"]


def test_every_loadable_table_can_be_inferred_from_its_name_alone_or_says_what_it_needs():
    frame = sample(zzz=["x"])
    for name in TABLES:
        if TABLES[name].loadable:
            with pytest.raises(BadMapping, match=r"needs|fit no table"):
                infer(frame, name, table=name)


def test_an_empty_cell_gets_the_default_and_an_unreadable_one_does_not():
    frame = sample(item_id=["A", "B", "C"], unit=["kg", "", None], unit_step=["0.001", "", "x"])
    lines = pl.int_range(1, 4, eager=True).alias(SOURCE_LINE)
    (batch,) = convert(RawBatch(frame.with_columns(lines)), infer(frame, "items"))
    assert batch.frame.select("item_id", "unit", "unit_step").rows() == [("A", "kg", 0.001), ("B", "each", 1.0)]
    assert batch.faults.select(SOURCE_LINE, "column", "value", "rule").rows() == [(3, "unit_step", "x", "number")]
    assert batch.rows_in == 3


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("constants: {units: many}", "constant 'many' for units is no real"),
        ("constants: {date: someday}", "constant 'someday' for date is no day"),
        ("time_zone: Mars/Olympus", "time_zone 'Mars/Olympus' is unknown"),
    ],
)
def test_a_mapping_file_with_impossible_values_is_refused_before_rows_are_read(more, complaint):
    text = f"targets:\n- table: sales\n  columns: {{item_id: a, location_id: b}}\n  {more}\n"
    with pytest.raises(BadMapping, match=complaint):
        from_yaml(text, "my.yaml").check(["a", "b"], "file.csv")


@pytest.mark.parametrize("more", ["numbers: {decimal: xx}", "file: {delimiter: ;;}", "file: {quote: ab}"])
def test_signs_of_a_mapping_file_are_one_character(more):
    with pytest.raises(BadMapping, match="must be one sign"):
        from_yaml(f"targets: [{{table: sales, columns: {{}}}}]\n{more}\n", "my.yaml")
