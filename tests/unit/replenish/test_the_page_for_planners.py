"""The order line the page for planners takes apart is one the engine makes, number by number."""

from __future__ import annotations

from pathlib import Path

from replenish_shop import CUTOFF, forecast, inputs, open_order, rule, source, stock

from shelfcast.replenish.explanation import explain
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.what_if import what_if

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "replenishment.md"


def test_the_line_taken_apart_on_the_page_is_the_one_the_engine_makes() -> None:
    kiel = {"item": "yoghurt", "location": "Kiel"}
    shop = inputs(
        stock=[stock(-3.0, **kiel)],
        forecasts=forecast(6.0, **kiel),
        sourcing=[source("yoghurt", "Kiel", "NordMilch", moq=40.0, pack_size=12.0)],
        items=[{"item_id": "yoghurt", "category": "fresh"}],
        item_locations=[{"item_id": "yoghurt", "location_id": "Kiel", "max_stock": 120.0}],
        order_calendar=[
            {
                "source_id": "NordMilch", "destination_id": "*", "order_weekdays": "Mon,Wed,Fri",
                "delivery_weekdays": "Mon,Tue,Wed,Thu,Fri",
            }
        ],
        open_orders=[open_order(12.0, 1, **kiel, source_id="NordMilch")],
        rules=[rule("target_cycle_service", 0.95, "category", scope_value="fresh")],
    )  # fmt: skip
    one = propose_orders(shop, CUTOFF).order_lines.row(0, named=True)
    page = PAGE.read_text("utf-8")
    quoted = " ".join(line.removeprefix("> ") for line in page.splitlines() if line.startswith("> "))
    assert quoted == explain(one)
    assert (one["protection_days"], one["window_mean"], one["window_p90"]) == (4, 24.0, 34.0)
    assert (one["order_up_to"], one["safety_stock"], one["inventory_position"]) == (38.0, 14.0, 12.0)
    assert [one[name] for name in ("need", "step_unit", "step_moq", "step_pack", "step_cap", "qty")] == [
        26,
        0,
        14,
        8,
        0,
        48,
    ]
    assert "target_cycle_service=category fresh:0.95" in one["rules_used"]
    found = round(one["p_stockout_without"], 2), round(one["expected_lost_without"]), one["cover_days_after"]
    assert found == (0.95, 12, 10.0)
    assert one["p_stockout_with"] < 0.001
    assert what_if(shop, one, {"moq": "0"}, CUTOFF)["qty"] == 36.0
    assert what_if(shop, one, {"target_cycle_service": "0.99"}, CUTOFF)["qty"] == 48.0
