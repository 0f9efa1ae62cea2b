"""Public sets in their publishers' file names and shapes, on made-up rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadFile, BadParameter
from shelfcast.domain.tables import TABLES
from shelfcast.pipeline.ingest_dataset import ingest_dataset
from shelfcast.ports.platform import Platform


def load(name: str, folder: Path) -> tuple[Platform, dict[str, pl.DataFrame]]:
    platform = in_memory()
    report = ingest_dataset(platform, name, folder)
    for one in report.tables:
        assert one.rows_in == one.kept + one.quarantined
    again = ingest_dataset(platform, name, folder)
    assert (again.state, again.inserted, again.corrected) == ("unchanged", 0, 0)
    tables = [name for name in TABLES if platform.tables.state(TABLES[name]).rows]
    return platform, {n: platform.tables.scan(TABLES[n]).sort(*TABLES[n].stored_key).collect() for n in tables}


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


@pytest.fixture
def m5(tmp_path):
    days = [date(2011, 1, 29) + timedelta(n) for n in range(21)]
    calendar = "date,wm_yr_wk,weekday,wday,month,year,d,event_name_1,event_type_1,event_name_2,event_type_2,snap_CA,snap_TX,snap_WI\n"
    for n, day in enumerate(days):
        event = "SuperBowl,Sporting" if n == 8 else ","
        calendar += f"{day},{11101 + n // 7},x,1,1,2011,d_{n + 1},{event},,,{int(n == 3)},0,0\n"
    write(tmp_path, "calendar.csv", calendar)
    header = "id,item_id,dept_id,cat_id,store_id,state_id," + ",".join(f"d_{n}" for n in range(1, 20))
    rows = [f"FOODS_1_001_CA_1_evaluation,FOODS_1_001,FOODS_1,FOODS,CA_1,CA,{','.join(str(n) for n in range(19))}"]
    rows += [f"HOBBIES_1_001_TX_1_evaluation,HOBBIES_1_001,HOBBIES_1,HOBBIES,TX_1,TX,{','.join(['1'] * 19)}"]
    write(tmp_path, "sales_train_evaluation.csv", "\n".join([header, *rows]) + "\n")
    write(
        tmp_path,
        "sell_prices.csv",
        "store_id,item_id,wm_yr_wk,sell_price\nCA_1,FOODS_1_001,11101,2.0\nCA_1,FOODS_1_001,11102,2.0\nCA_1,FOODS_1_001,11103,2.5\n"
        "TX_1,HOBBIES_1_001,11101,9.0\nTX_1,HOBBIES_1_001,11103,9.0\n",
    )
    return tmp_path


def test_m5_wide_sales_become_days(m5):
    _, tables = load("m5", m5)
    food = tables["sales"].filter(pl.col("item_id") == "FOODS_1_001")
    assert food["date"].to_list() == [date(2011, 1, 29) + timedelta(n) for n in range(19)]
    assert food["units"].to_list() == [float(n) for n in range(19)]
    assert tables["sales"].height == 38
    assert tables["items"].row(0)[:4] == ("FOODS_1_001", None, "FOODS", "FOODS_1")
    assert tables["locations"].select("location_id", "region", "time_zone").rows()[1] == (
        "TX_1",
        "TX",
        "America/Chicago",
    )


def test_m5_prices_are_kept_where_they_change_and_end_where_the_item_is_off_sale(m5):
    _, tables = load("m5", m5)
    rows = tables["prices"].select("item_id", "valid_from", "valid_to", "price").rows()
    assert rows == [
        ("FOODS_1_001", date(2011, 1, 29), None, 2.0), ("FOODS_1_001", date(2011, 2, 12), None, 2.5),
        ("HOBBIES_1_001", date(2011, 1, 29), date(2011, 2, 4), 9.0), ("HOBBIES_1_001", date(2011, 2, 12), None, 9.0),
    ]  # fmt: skip
    assert tables["item_locations"]["start_date"].to_list() == [date(2011, 1, 29)] * 2


def test_m5_events_and_snap_days_are_known_ahead(m5):
    _, tables = load("m5", m5)
    events = tables["calendar_events"]
    assert events.select("event", "event_type", "scope", "scope_value", "date").rows() == [
        ("SNAP", "pay", "region", "CA", date(2011, 2, 1)), ("SuperBowl", "sport", "all", "*", date(2011, 2, 6)),
    ]  # fmt: skip
    assert (events["known_at"].dt.date() < events["date"] - timedelta(days=90)).all()


def test_m5_tidy_has_its_last_days_only(tmp_path):
    day = datetime(2016, 5, 22)
    events = {"event_name_1": [None], "event_type_1": [None], "event_name_2": [None], "event_type_2": [None]}
    pl.DataFrame(
        {"date": [day], "walmart_week": [11617], **events, "snap_CA": [1], "snap_TX": [0], "snap_WI": [0]},
        schema_overrides=dict.fromkeys(events, pl.String),
    ).write_parquet(tmp_path / "calendar.parquet")
    pl.DataFrame({"store_id": ["CA_1"], "item_id": ["F"], "date": [day], "units": [3]}).write_parquet(
        tmp_path / "sales_daily_last28.parquet"
    )
    _, tables = load("m5", tmp_path)
    assert tables["sales"].select("item_id", "location_id", "date", "units").rows() == [("F", "CA_1", day.date(), 3.0)]


@pytest.fixture
def rossmann(tmp_path):
    lines = ["Store,DayOfWeek,Date,Sales,Customers,Open,Promo,StateHoliday,SchoolHoliday"]
    for n in range(14):
        day = date(2015, 7, 18) + timedelta(n)
        closed = day.isoweekday() == 7
        for store in (1, 2):
            sales = 0 if closed else 5000 + 10 * n + store
            flags = (int(not closed), int(n in (2, 3, 4)), "a" if n == 6 else "0", int(n > 9))
            lines.append(",".join(map(str, (store, day.isoweekday(), day, sales, 0 if closed else 500, *flags))))
    write(tmp_path, "train.csv", "\n".join(lines) + "\n")
    write(
        tmp_path,
        "store.csv",
        "Store,StoreType,Assortment,CompetitionDistance,CompetitionOpenSinceMonth,CompetitionOpenSinceYear,Promo2,"
        "Promo2SinceWeek,Promo2SinceYear,PromoInterval\n"
        '1,c,a,1270,9,2008,0,,,\n2,a,a,570,11,2007,1,13,2015,"Jan,Apr,Jul,Oct"\n',
    )
    write(
        tmp_path,
        "test.csv",
        "Id,Store,DayOfWeek,Date,Open,Promo,StateHoliday,SchoolHoliday\n1,1,6,2015-08-01,1,0,0,1\n2,2,6,2015-08-01,,0,0,1\n",
    )
    return tmp_path


def test_rossmann_is_one_item_and_a_closed_day_is_zero_and_closed(rossmann):
    _, tables = load("rossmann", rossmann)
    sales = tables["sales"]
    assert sales["item_id"].unique().to_list() == ["all"]
    assert sales.filter(pl.col("date") == date(2015, 7, 19))["units"].to_list() == [0.0, 0.0]
    openings = tables["openings"].filter(~pl.col("open"))
    assert openings["date"].unique().sort().to_list() == [date(2015, 7, 19), date(2015, 7, 26)]
    assert tables["openings"]["date"].max() == date(2015, 8, 1)
    assert tables["openings"].filter(pl.col("date") == date(2015, 8, 1)).height == 1


def test_rossmann_promotions_holidays_customers_and_stores_are_known(rossmann):
    _, tables = load("rossmann", rossmann)
    promo = tables["promotions"].filter(pl.col("promotion_id") == "promo")
    assert promo.select("location_id", "first_date", "last_date").rows() == [
        ("*", date(2015, 7, 20), date(2015, 7, 22))
    ]
    mailer = tables["promotions"].filter(pl.col("promotion_id") == "promo2")
    assert mailer.select("first_date", "last_date").row(0) == (date(2015, 4, 1), date(2015, 4, 30))
    assert tables["calendar_events"].filter(event="public holiday")["date"].unique().to_list() == [date(2015, 7, 24)]
    assert tables["observations"].filter(name="customers").height == 28
    distance = tables["attributes"].filter(attribute="competition_distance_m")
    assert distance.select("entity_id", "number").rows() == [("1", 1270.0), ("2", 570.0)]


def test_rossmann_tidy_fills_closed_days_and_leaves_the_rebuilding_gap_missing(tmp_path):
    days = [date(2014, 6, 29) + timedelta(n) for n in range(190)]
    rows = []
    for day in days:
        for store in (1, 2):
            if day.isoweekday() == 7 or (store == 2 and date(2014, 7, 1) <= day <= date(2014, 12, 31)):
                continue
            rows.append((store, datetime(day.year, day.month, day.day), 100, 10, int(day.day < 5), "0", 0))
    names = ["store_id", "date", "sales_eur", "customers", "promo", "state_holiday", "school_holiday"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "sales.parquet")
    stores = {
        "store_id": [1, 2],
        "store_type": ["a", "b"],
        "assortment": ["a", "a"],
        "competition_distance_m": [1.0, 2.0],
    }
    rest = [
        "competition_open_since_month",
        "competition_open_since_year",
        "promo2",
        "promo2_since_week",
        "promo2_since_year",
    ]
    pl.DataFrame(
        {
            **stores,
            **{name: [0.0, 0.0] for name in rest},
            "promo2_interval_months": pl.Series([None, None], dtype=pl.String),
        }
    ).write_parquet(tmp_path / "stores.parquet")
    _, tables = load("rossmann", tmp_path)
    counts = dict(tables["sales"].group_by("location_id").len().rows())
    span = (max(d for d in days if d.isoweekday() != 7) - days[1]).days + 1
    assert counts == {"1": span, "2": span - 184}
    assert tables["sales"].filter(pl.col("date") == date(2014, 7, 6))["units"].to_list() == [0.0]


RETAIL = [
    ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"],
    [536365, "85123a", "WHITE HEART", 6, datetime(2010, 12, 1, 8, 26), 2.55, 17850, "United Kingdom"],
    [536365, 71053, "METAL LANTERN", 6, datetime(2010, 12, 1, 8, 26), 3.39, 17850, "United Kingdom"],
    [536366, "85123A", "WHITE HEART", 4, datetime(2010, 12, 1, 9, 0), 2.55, None, "France"],
    ["C536379", "85123A", "WHITE HEART", -2, datetime(2010, 12, 1, 9, 41), 2.55, 14527, "United Kingdom"],
    ["C536379", "D", "Discount", -1, datetime(2010, 12, 3, 9, 41), 27.5, 14527, "United Kingdom"],
    [536370, "POST", "POSTAGE", 3, datetime(2010, 12, 3, 8, 45), 18, 12583, "France"],
    [536414, "22139", None, 56, datetime(2010, 12, 3, 11, 52), 0, None, "United Kingdom"],
    [536415, 71053, "METAL LANTERN", 1, datetime(2010, 12, 3, 12, 0), 4.0, None, "United Kingdom"],
]


def workbook(path: Path, sheets: dict[str, list[list]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def test_online_retail_lines_become_till_events_and_daily_net_sales(tmp_path):
    workbook(tmp_path / "Online Retail.xlsx", {"Online Retail": RETAIL})
    platform, tables = load("online-retail", tmp_path)
    assert tables["sales"].select("item_id", "date", "units").rows() == [
        ("71053", date(2010, 12, 1), 6.0), ("71053", date(2010, 12, 3), 1.0), ("85123A", date(2010, 12, 1), 8.0),
    ]  # fmt: skip
    assert tables["sales"]["revenue"].to_list() == pytest.approx([20.34, 4.0, 20.4])
    kinds = tables["pos_events"]["event_kind"].value_counts().sort("event_kind")
    assert kinds.rows() == [("return", 1), ("sale", 4)]
    bad = tables["quarantine"].sort("source_line")
    assert bad.select("source_line", "rule").rows() == [(5, "not_goods"), (6, "not_goods"), (7, "zero_price")]
    assert tables["openings"]["date"].to_list() == [date(2010, 12, 2)]
    assert platform.tables.scan(TABLES["items"]).select("name").collect()["name"].to_list() == [
        "METAL LANTERN",
        "WHITE HEART",
    ]


def test_online_retail_of_two_years_counts_the_doubled_days_once(tmp_path):
    header = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    november = [489434, "85048", "BALL", 12, datetime(2010, 11, 1, 7, 45), 6.95, 13085, "United Kingdom"]
    sheets = {"Year 2009-2010": [header, november, *RETAIL[1:]], "Year 2010-2011": [header, *RETAIL[1:]]}
    workbook(tmp_path / "online_retail_II.xlsx", sheets)
    _, tables = load("online-retail", tmp_path)
    assert tables["sales"]["units"].sum() == 12 + 15
    assert tables["quarantine"]["rule"].value_counts().sort("rule").rows() == [
        ("duplicate_row", 8),
        ("not_goods", 2),
        ("zero_price", 1),
    ]


def test_freshretailnet_of_the_publisher_has_lists_of_hours(tmp_path):
    hours = [0] * 24
    out = [0] * 18 + [1] * 6
    columns = {
        "city_id": [0, 0], "store_id": [7, 7], "management_group_id": [1, 1], "first_category_id": [2, 2],
        "second_category_id": [3, 3], "third_category_id": [4, 4], "product_id": [38, 38], "dt": ["2024-03-28", "2024-03-29"],
        "sale_amount": [0.1, 1.2], "hours_sale": [hours, hours], "stock_hour6_22_cnt": [0, 4],
        "hours_stock_status": [hours, out], "discount": [1.0, 0.8], "holiday_flag": [0, 1], "activity_flag": [0, 0],
        "precpt": [1.5, 2.5], "avg_temperature": [15.0, 16.0], "avg_humidity": [70.0, 71.0], "avg_wind_level": [2.0, 2.1],
    }  # fmt: skip
    pl.DataFrame(columns).write_parquet(tmp_path / "train.parquet")
    _, tables = load("freshretailnet", tmp_path)
    assert tables["availability"].select("in_stock_share", "first_out_hour").rows() == [(1.0, None), (0.75, 18.0)]
    assert tables["sales"]["units"].to_list() == [0.1, 1.2]
    (promotion,) = tables["promotions"].select("first_date", "last_date", "discount_share").rows()
    assert promotion == (date(2024, 3, 29), date(2024, 3, 29), pytest.approx(0.2))
    assert tables["weather"]["temperature_c"].to_list() == [15.0, 16.0]
    assert tables["calendar_events"]["date"].to_list() == [date(2024, 3, 29)]
    assert tables["items"].select("department", "category", "subcategory").row(0) == ("1", "2", "3")


def test_files_that_are_not_there_are_named(tmp_path):
    write(tmp_path, "other.csv", "a,b\n1,2\n")
    for name in ("m5", "rossmann", "online-retail", "freshretailnet"):
        with pytest.raises(BadFile, match=r"there is other\.csv\. Expected: "):
            ingest_dataset(in_memory(), name, tmp_path)
    with pytest.raises(BadParameter, match=r"'m6' is unknown; known: freshretailnet, m5, online-retail, rossmann"):
        ingest_dataset(in_memory(), "m6", tmp_path)
