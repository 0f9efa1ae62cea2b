"""Orders as files: read back by independent readers, control numbers and counts agree, separators never break a value."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from dataclasses import fields
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.describe_borders import ORDER_LINE, orders_schema
from shelfcast.pipeline.order_edi import as_edifact, as_x12
from shelfcast.pipeline.order_formats import Envelope, OrderLine, as_csv, as_json

ENVELOPE = Envelope(12, datetime(2026, 3, 10, 6, 30, tzinfo=UTC), "EUR")


def line(ref: str, **more) -> OrderLine:
    known = {
        "source_id": "SUP1",
        "destination_id": "S1",
        "item_id": "A",
        "qty": 12.0,
        "unit_cost": 1.25,
        "order_date": date(2026, 3, 10),
        "delivery_date": date(2026, 3, 12),
    }
    return OrderLine(ref, **(known | more))


LINES = [
    line("r2", item_id="B", qty=0.125, unit="kg"), line("r1"), line("r3", destination_id="S2", unit_cost=None),
    line("r4", source_id="SUP2", delivery_date=None),
]  # fmt: skip


def test_csv_has_a_row_a_line_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([*LINES, line("r5", item_id="=cmd()")], ENVELOPE).decode())))
    assert [(row["order_number"], row["order_ref"], row["qty"]) for row in rows[:3]] == [
        ("SC000012-0001", "r5", "12"), ("SC000012-0001", "r1", "12"), ("SC000012-0001", "r2", "0.125"),
    ]  # fmt: skip
    assert rows[0]["item_id"] == "'=cmd()"


def test_json_groups_lines_into_orders() -> None:
    found = json.loads(as_json(LINES, ENVELOPE))
    assert [(one["order_number"], len(one["lines"])) for one in found["orders"]] == [
        ("SC000012-0001", 2),
        ("SC000012-0002", 1),
        ("SC000012-0003", 1),
    ]
    assert found["orders"][0]["lines"][0] == {
        "order_ref": "r1",
        "item_id": "A",
        "qty": 12.0,
        "unit": "each",
        "unit_cost": 1.25,
    }


def x12(data: bytes) -> list[list[str]]:
    """Segments by the separators the interchange declares in its fixed-length header."""
    text = data.decode()
    assert text[:3] == "ISA" and len(text.split(text[105])[0]) == 105
    return [one.strip("\n").split(text[3]) for one in text.split(text[105]) if one.strip("\n")]


def edifact(data: bytes) -> list[list]:
    """Messages as an independent reader (pydifact) sees them."""
    pytest.importorskip("pydifact", reason="pydifact isn't installed (a development package)")
    from pydifact.segmentcollection import Interchange

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = data.decode("utf-8" if b"UNOW" in data[:40] else "latin-1")
        return [
            [[one.tag, *one.elements] for one in message.segments]
            for message in Interchange.from_str(text).get_messages()
        ]


def test_an_850_for_each_order_with_matching_control_numbers_and_counts() -> None:
    segments = x12(as_x12(LINES, ENVELOPE))
    tags = [one[0] for one in segments]
    assert tags[:2] == ["ISA", "GS"] and tags[-2:] == ["GE", "IEA"] and tags.count("ST") == 3
    assert (
        segments[0][13] == segments[-1][2] == "000000012"
        and segments[1][6] == segments[-2][2] == "12"
        and segments[-2][1] == "3"
    )
    first = segments[2 : tags.index("SE") + 1]
    assert first[0] == ["ST", "850", "0001"] and first[-1] == ["SE", str(len(first)), "0001"]
    assert ["BEG", "00", "NE", "SC000012-0001", "", "20260310"] in first and ["DTM", "002", "20260312"] in first
    assert [one for one in first if one[0] in ("PO1", "REF", "CTT")] == [
        ["PO1", "1", "12", "EA", "1.25", "", "BP", "A"], ["REF", "LI", "r1"], ["PO1", "2", "0.125", "KG", "1.25", "", "BP", "B"], ["REF", "LI", "r2"],
        ["CTT", "2"],
    ]  # fmt: skip


def test_an_orders_message_for_each_order_as_an_independent_reader_sees_it() -> None:
    messages = edifact(as_edifact(LINES, ENVELOPE))
    assert len(messages) == 3
    found = messages[0]
    assert [one for one in found if one[0] in ("BGM", "DTM", "NAD", "CUX")] == [
        ["BGM", "220", "SC000012-0001", "9"], ["DTM", ["137", "20260310", "102"]], ["DTM", ["2", "20260312", "102"]],
        ["NAD", "BY", ["S1", "", "92"]], ["NAD", "SU", ["SUP1", "", "92"]], ["NAD", "DP", ["S1", "", "92"]], ["CUX", ["2", "EUR", "9"]],
    ]  # fmt: skip
    assert [one for one in found if one[0] in ("QTY", "PIA", "RFF", "CNT")] == [
        ["PIA", "1", ["A", "IN"]], ["QTY", ["21", "12", "PCE"]], ["RFF", ["LI", "r1"]],
        ["PIA", "1", ["B", "IN"]], ["QTY", ["21", "0.125", "KGM"]], ["RFF", ["LI", "r2"]], ["CNT", ["2", "2"]],
    ]  # fmt: skip
    text = as_edifact(LINES, ENVELOPE).decode("latin-1")
    for body, count, number in re.findall(r"UNH\+(.*?)UNT\+(\d+)\+(\d+)'", text):
        assert body.count("'") + 1 == int(count) and body.startswith(f"{number}+")


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            line, names, item_id=names, qty=st.floats(0.001, 1e6), unit_cost=st.one_of(st.none(), st.floats(0.01, 1e4))
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda one: one.order_ref,
    )
)
def test_whatever_stands_in_an_id_comes_back_unchanged_or_is_refused(lines) -> None:
    wanted = {(one.order_ref, one.item_id) for one in lines}
    messages = edifact(as_edifact(lines, ENVELOPE))
    refs = [one[1][1] for message in messages for one in message if one[0] == "RFF"]
    items = [one[2][0] for message in messages for one in message if one[0] == "PIA"]
    assert set(zip(refs, items)) == wanted
    try:
        segments = x12(as_x12(lines, ENVELOPE))
    except BadParameter:
        return
    assert {(ref[2], item[7]) for item, ref in pairwise(segments) if item[0] == "PO1"} == wanted


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"unit": "barrel"}, "'barrel' is unknown"), ({"item_id": "x" * 81}, "81 characters"), ({"item_id": ""}, "0 characters"),
        ({"item_id": "*|^!"}, "every separator"), ({"destination_id": "S\n1"}, "line break"), ({"source_id": "~'\x1d"}, "every separator"),
    ],
)  # fmt: skip
def test_what_edi_can_not_carry_is_refused_with_the_way_out(broken, said) -> None:
    with pytest.raises(BadParameter, match=re.escape(said)) as refused:
        as_x12([line("r1", **broken)], ENVELOPE)
    assert "CSV or JSON" in str(refused.value)


def test_other_separators_are_declared_where_a_value_holds_the_usual_ones() -> None:
    segments = x12(as_x12([line("r*1", item_id="A~B")], ENVELOPE))
    assert [one[2] for one in segments if one[0] == "REF"] == ["r*1"] and [
        one[7] for one in segments if one[0] == "PO1"
    ] == ["A~B"]


def test_letters_latin_1_does_not_have_make_it_utf_8() -> None:
    assert as_edifact([line("r1", item_id="Ł-寿司")], ENVELOPE)[9:19] == b"UNB+UNOW:4"
    assert as_edifact([line("r1", item_id="Käse")], ENVELOPE)[9:19] == b"UNB+UNOC:3"


def test_a_json_file_is_what_its_contract_says() -> None:
    schemas = pytest.importorskip("jsonschema_rs")
    contract = schemas.validator_for(orders_schema())
    found = json.loads(as_json(LINES, ENVELOPE))
    contract.validate(found)
    assert {one.name for one in fields(OrderLine)} == set(ORDER_LINE)
    del found["orders"][0]["lines"][0]["order_ref"]
    assert not contract.is_valid(found)
