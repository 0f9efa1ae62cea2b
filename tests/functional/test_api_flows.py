"""A planner's, a data engineer's and an ERP's day over HTTP, on a small shop with real results."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from shelfcast.domain.access import Role
from tests.functional.api_shop import make_shop
from tests.functional.shops import ENVIRONMENT


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_shop(tmp_path_factory.mktemp("api"))


def upload(shop, name: str, content: bytes, **more):
    body = {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **more}
    opened = shop("POST", "/v1/uploads", body, role=Role.PLANNER).json()
    path = f"/v1/uploads/{opened['upload_id']}"
    half = len(content) // 2
    for offset, piece in ((0, content[:half]), (half, content[half:])):
        headers = {"Authorization": f"Bearer {shop.tokens[Role.PLANNER]}", "content-type": "application/octet-stream"}
        sent = shop.client.patch(path, params={"offset": offset}, content=piece, headers=headers)
        assert sent.status_code == 200, sent.text
    return sent.json()


# -- forecasts ---------------------------------------------------------------------------------------------------------


def test_pages_of_forecasts_hold_every_row_once_and_the_files_the_same_numbers(shop):
    rows, cursor = [], ""
    while True:
        page = shop.get(f"/v1/forecasts?limit=150&cursor={cursor}")
        rows += page["rows"]
        cursor = page["next"]
        if not cursor:
            break
    whole = shop.platform.tables
    from shelfcast.domain.tables import results

    stored = (
        whole.scan(results.FORECASTS).filter((pl.col("stage") == "final") & (pl.col("scenario") == "base")).collect()
    )
    assert len(rows) == stored.height == len({(one["item_id"], one["location_id"], one["date"]) for one in rows})
    csv = shop("GET", "/v1/forecasts/download")
    assert csv.headers["content-type"].startswith("text/csv")
    frame = pl.read_csv(io.BytesIO(csv.content))
    assert frame["mean"].sum() == pytest.approx(sum(one["mean"] for one in rows), rel=1e-12)
    parquet = pl.read_parquet(io.BytesIO(shop("GET", "/v1/forecasts/download?format=parquet").content))
    assert parquet["mean"].to_list() == frame["mean"].to_list()


def test_totals_at_any_level_add_up_and_their_intervals_are_narrower_than_summed_quantiles(shop):
    grand = shop.get("/v1/forecasts/totals?period=horizon")["rows"]
    assert len(grand) == 1
    for level in ("item", "location", "category", "department"):
        parts = shop.get(f"/v1/forecasts/totals?by={level}&period=horizon")["rows"]
        assert sum(one["mean"] for one in parts) == pytest.approx(grand[0]["mean"], rel=1e-9)
    weeks = shop.get("/v1/forecasts/totals?period=week")["rows"]
    assert sum(one["mean"] for one in weeks) == pytest.approx(grand[0]["mean"], rel=1e-9)
    summed = shop.get("/v1/forecasts?limit=5000")["rows"]
    assert grand[0]["q900"] < sum(one["q900"] for one in summed)
    assert grand[0]["q100"] > sum(one["q100"] for one in summed)
    assert grand[0]["mean"] == pytest.approx(shop.get("/v1/forecasts/series")["totals"]["mean"], rel=1e-9)


def test_the_page_of_a_series_and_its_explanation_fit_its_forecast(shop):
    first = shop.get("/v1/series?limit=1")[0]
    query = f"item_id={first['item_id']}&location_id={first['location_id']}"
    page = shop.get(f"/v1/series/detail?{query}")
    assert len(page["forecast"]) == 14 and page["history"][-1]["date"] == page["cutoff"]
    days = shop.get(f"/v1/series/explanation?{query}")
    means = {one["date"]: one["mean"] for one in page["forecast"]}
    for day in days:
        total = day["base"] + sum(one["units"] for one in day["drivers"])
        assert round(total, 6) == round(means[day["date"]], 6) == round(day["mean"], 6)


def test_an_override_moves_final_forecasts_with_its_driver_and_ending_it_brings_the_model_back(shop):
    one = shop.get("/v1/series?limit=1")[0]
    query = f"item_id={one['item_id']}&location_id={one['location_id']}"
    before = shop.get(f"/v1/series/detail?{query}")["forecast"]
    days = [row["date"] for row in before][:3]
    body = {
        "items": [one["item_id"]], "locations": [one["location_id"]], "first": days[0], "last": days[-1],
        "method": "multiply", "value": 2, "reason": "local event", "note": "street market",
    }  # fmt: skip
    made = shop("POST", "/v1/overrides", body, role=Role.PLANNER)
    assert made.status_code == 201, made.text
    shop.done(made.json()["job"])
    page = shop.get(f"/v1/series/detail?{query}")
    for row, old in zip(page["forecast"], before):
        factor = 2 if row["date"] in days else 1
        assert row["mean"] == pytest.approx(old["mean"] * factor, abs=2e-6)
    explained = {day["date"]: day for day in shop.get(f"/v1/series/explanation?{query}")}
    for day in days:
        assert explained[day]["mean"] == pytest.approx(
            next(r["mean"] for r in page["forecast"] if r["date"] == day), abs=1e-9
        )
        assert any(part["driver"] == "override" for part in explained[day]["drivers"]) or explained[day]["mean"] == 0
    assert page["overrides"][0]["made_by"] == "planner-user"
    override_id = made.json()["override"]["override_id"]
    ended = shop("POST", f"/v1/overrides/{override_id}/end", {"reason": "market is off"}, role=Role.PLANNER)
    shop.done(ended.json()["job"])
    assert shop.get(f"/v1/series/detail?{query}")["forecast"] == before
    assert shop("POST", f"/v1/overrides/{override_id}/end", {"reason": "again"}).status_code == 409
    assert shop("POST", "/v1/overrides", body | {"items": [], "locations": []}).status_code == 422


def test_a_prediction_without_a_changed_future_is_the_model_forecast(shop):
    series = shop.get("/v1/series?limit=2")
    keys = [{"item_id": one["item_id"], "location_id": one["location_id"]} for one in series]
    made = shop("POST", "/v1/predict", {"series": keys}, role=Role.PLANNER).json()
    for one in made["series"]:
        query = f"item={one['item_id']}&location={one['location_id']}&stage=model"
        stored = shop.get(f"/v1/forecasts?{query}")["rows"]
        assert [day["mean"] for day in one["days"]] == pytest.approx([row["mean"] for row in stored], abs=1e-6)
    unknown = shop("POST", "/v1/predict", {"series": [{"item_id": "no", "location_id": "such"}]})
    assert unknown.status_code == 404 and "/v1/series" in unknown.json()["detail"]


# -- orders ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lines(shop):
    return shop.get("/v1/orders?sort=-value")["rows"]


def test_an_order_line_says_what_it_is_made_of(shop, lines):
    for line in lines[:5]:
        detail = shop.get(f"/v1/orders/{line['line_id']}")
        total = detail["need"] + sum(step["units"] for step in detail["steps"])
        assert total == pytest.approx(detail["line"]["qty"], abs=1e-9)
        assert detail["line"]["sentence"].startswith("Order")
        assert detail["projection"] and detail["rules"]


def test_lines_can_be_narrowed_to_those_with_a_reason(shop, lines):
    code = next(code for line in lines for code in line["reasons"])
    found = shop.get(f"/v1/orders?reason={code}&limit=500")["rows"]
    assert found and all(code in line["reasons"] for line in found)
    assert shop.get("/v1/orders?reason=no_such_reason")["rows"] == []
    ordered = shop.get("/v1/orders?sort=-risk&limit=500")["rows"]
    risks = [(round(one["p_stockout_without"] or 0, 4), one["expected_lost_without"] or 0) for one in ordered]
    assert risks == sorted(risks, reverse=True)


def test_a_quantity_that_breaks_the_terms_is_refused_with_the_next_allowed_ones(shop, lines):
    line = next(one for one in lines if (one["pack_size"] or 0) > 1)
    path = f"/v1/orders/{line['line_id']}/quantity"
    refused = shop("PUT", path, {"qty": line["qty"] + 1, "reason": "just so"}, role=Role.PLANNER)
    assert (
        refused.status_code == 422 and "pack of" in refused.json()["detail"] and "Allowed" in refused.json()["detail"]
    )
    wanted = line["qty"] + line["pack_size"]
    effect = shop.get(f"/v1/orders/{line['line_id']}/at?qty={wanted}")
    assert effect["allowed"] and effect["p_stockout"] <= line["p_stockout_with"] + 1e-9
    changed = shop("PUT", path, {"qty": wanted, "reason": "street market", "expected_version": 0}, role=Role.PLANNER)
    assert changed.status_code == 200 and changed.json()["line"]["decided_qty"] == wanted
    assert changed.json()["line"]["edited"] and changed.json()["history"][0]["who"] == "planner-user"
    stale = shop("PUT", path, {"qty": line["qty"], "reason": "too late", "expected_version": 0}, role=Role.PLANNER)
    assert stale.status_code == 409


def test_approved_lines_reach_the_erp_exactly_once_and_its_word_comes_back(shop, lines):
    ids = [one["line_id"] for one in lines]
    assert shop("POST", "/v1/orders/reject", {"line_ids": ids[:1]}, role=Role.PLANNER).status_code == 422, "no reason"
    rejected = shop("POST", "/v1/orders/reject", {"line_ids": ids[:1], "reason": "no room"}, role=Role.PLANNER).json()
    assert rejected["done"] == 1
    approved = shop("POST", "/v1/orders/approve", {"line_ids": ids}, role=Role.PLANNER).json()
    assert (approved["done"], approved["refused"]) == (len(ids) - 1, 1)
    key = {"Idempotency-Key": "night-0001"}
    first = shop("POST", "/v1/erp/pulls", {}, role=Role.ERP, headers=key)
    again = shop("POST", "/v1/erp/pulls", {}, role=Role.ERP, headers=key)
    assert first.status_code == 201 and first.json() == again.json() and first.json()["lines"] == len(ids) - 1
    other = shop("POST", "/v1/erp/pulls", {"source_id": "x"}, role=Role.ERP, headers=key)
    assert other.status_code == 422 and "idempotency key" in other.json()["detail"]
    empty = shop("POST", "/v1/erp/pulls", {}, role=Role.ERP, headers={"Idempotency-Key": "night-0002"}).json()
    assert empty["lines"] == 0
    seen, cursor = [], ""
    while True:
        path = f"/v1/erp/pulls/{first.json()['pull_id']}/lines?limit=2&cursor={cursor}"
        page = shop("GET", path, role=Role.ERP).json()
        seen += page["rows"]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(one["order_ref"] for one in seen) == sorted(ids[1:])
    said = {"lines": [
        {"order_ref": seen[0]["order_ref"], "state": "acknowledged", "erp_order_id": "4711", "qty": seen[0]["qty"]},
        {"order_ref": ids[0], "state": "acknowledged"},
    ]}  # fmt: skip
    answer = shop(
        "POST", "/v1/erp/acknowledgements", said, role=Role.ERP, headers={"Idempotency-Key": "ack-00001"}
    ).json()
    assert [one["done"] for one in answer["lines"]] == [True, False]
    detail = shop.get(f"/v1/orders/{seen[0]['order_ref']}")
    assert detail["line"]["state"] == "acknowledged" and detail["erp_order_id"] == "4711"
    assert [one["after"] for one in detail["history"]][-3:] == ["approved", "sent", "acknowledged"]
    actions = {one["action"] for one in shop.get("/v1/audit?action=order.")["rows"]}
    assert {"order.edit", "order.approve", "order.reject", "order.send", "order.acknowledge"} <= actions


def test_a_rule_shows_its_effect_before_it_is_set_and_keeps_its_history(shop):
    rule = {"scope": "default", "parameter": "target_cycle_service", "value": "0.999", "valid_from": "2026-11-01"}
    effect = shop("POST", "/v1/rules/preview", rule, role=Role.PLANNER).json()
    assert effect["units_after"] >= effect["units"]
    assert shop("PUT", "/v1/rules", rule | {"value": "7", "reason": "no"}, role=Role.PLANNER).status_code == 422
    shop("PUT", "/v1/rules", rule | {"reason": "before the holidays"}, role=Role.PLANNER)
    ended = {key: rule[key] for key in ("scope", "parameter", "valid_from")} | {"last": "2026-12-31", "reason": "over"}
    assert shop("POST", "/v1/rules/end", ended, role=Role.PLANNER).status_code == 200
    held = shop.get("/v1/rules?on=2026-12-24&parameter=target_cycle_service&scope=default")
    assert [one["value"] for one in held] == ["0.999"]
    after = shop.get("/v1/rules?on=2027-01-05&parameter=target_cycle_service&scope=default")
    assert "0.999" not in [one["value"] for one in after]


# -- scenarios ---------------------------------------------------------------------------------------------------------


def test_other_weather_is_worked_out_and_weather_nobody_has_seen_is_refused(shop):
    first = shop.get("/v1/scenarios/choices")["first"]
    categories = shop.get("/v1/scenarios/choices")["categories"]

    def asked(**weather: float) -> dict:
        body = {
            "name": "Heat",
            "categories": categories,
            "changes": [{"kind": "weather", "first": first, "last": first, **weather}],
        }
        started = shop("POST", "/v1/scenarios", body, role=Role.PLANNER).json()
        shop.done(started["job"])
        return shop.get(f"/v1/scenarios/{started['scenario']['scenario_id']}")

    warmer = asked(temperature_c=2.0)
    assert warmer["state"] == "done", warmer["why"]
    outcome = warmer["outcome"]
    assert outcome["support"]["like_events"] >= 5
    assert outcome["units"]["scenario"] != outcome["units"]["baseline"]
    refused = asked(temperature_c=35.0)
    assert refused["state"] == "refused" and "degrees from normal" in refused["why"] and "seen there" in refused["why"]


def test_a_scenario_is_worked_out_or_refused_with_what_is_supported(shop):
    choices = shop.get("/v1/scenarios/choices")
    items = [one["item_id"] for one in shop.get("/v1/series?limit=200")]
    first, last = choices["first"], choices["last"]
    far = {
        "name": "absurd",
        "items": items,
        "changes": [{"kind": "price", "share": -0.9, "first": first, "last": last}],
    }
    refused = shop("POST", "/v1/scenarios", far, role=Role.PLANNER).json()
    shop.done(refused["job"])
    found = shop.get(f"/v1/scenarios/{refused['scenario']['scenario_id']}")
    assert found["state"] == "refused" and "Nearest supported" in found["why"]
    festival = {
        "name": "festival",
        "items": items,
        "changes": [{"kind": "event", "event": "Pay day", "first": first, "last": first}],
    }
    started = shop("POST", "/v1/scenarios", festival, role=Role.PLANNER).json()
    shop.done(started["job"])
    found = shop.get(f"/v1/scenarios/{started['scenario']['scenario_id']}")
    assert found["state"] == "done", found["why"]
    outcome = found["outcome"]
    assert outcome["support"]["like_events"] >= 5 and len(outcome["daily"]) == 14
    units = outcome["units"]
    assert units["difference"] == pytest.approx(units["scenario"] - units["baseline"], abs=1e-5)
    assert units["difference_low"] <= units["difference"] <= units["difference_high"]
    assert sum(one["scenario"] for one in outcome["daily"]) == pytest.approx(units["scenario"], abs=1e-3)
    model = shop.get("/v1/forecasts/totals?period=horizon&stage=model")["rows"][0]["mean"]
    assert units["baseline"] == pytest.approx(model, abs=1e-3), "the baseline is the forecast that stands"
    stored = shop.get(f"/v1/forecasts/totals?period=horizon&scenario={started['scenario']['scenario_id']}")["rows"][0][
        "mean"
    ]
    assert stored == pytest.approx(units["scenario"], abs=1e-3)
    both = shop.get(
        f"/v1/scenarios/compare?scenario_id={found['scenario_id']}&scenario_id={refused['scenario']['scenario_id']}"
    )
    assert [one["state"] for one in both["scenarios"]] == ["done", "refused"]
    assert shop("DELETE", f"/v1/scenarios/{found['scenario_id']}", role=Role.PLANNER).status_code == 204


# -- data --------------------------------------------------------------------------------------------------------------


def test_a_broken_file_is_previewed_loaded_mended_and_loaded_again(shop):
    day = "2026-11-01"
    text = (
        f"sku;store;day;qty\nA-1;S01;{day};5\nA-1;S01;2026-11-02;x\nA-1;S02;{day}\nA-2;S02;{day};7\nA-3;S02;{day};7\n"
    )
    sent = upload(shop, "sales nov.csv", text.encode())
    assert sent["state"] == "complete"
    again = shop("POST", "/v1/uploads", {"name": "sales nov.csv", "bytes": sent["bytes"], "sha256": sent["sha256"]})
    assert again.json()["state"] == "complete", "the same content needn't be sent again"
    preview = shop.get(f"/v1/uploads/{sent['upload_id']}/preview")
    assert preview["tables"][0]["table"] == "sales" and preview["delimiter"] == ";"
    assert {one["line"] for one in preview["problems"]} == {2, 3}
    assert [one["targets"] for one in preview["columns"]] == [
        ["sales.item_id"],
        ["sales.location_id"],
        ["sales.date"],
        ["sales.units"],
    ]
    job = shop("POST", "/v1/loads", {"uploads": [sent["upload_id"]]}, role=Role.PLANNER).json()
    result = shop.done(job)["result"]
    assert (result["rows_in"], result["kept"], result["quarantined"]) == (5, 3, 2)
    load_id = result["loads"][0]["load_id"]
    broken = shop("GET", f"/v1/loads/{load_id}/quarantine.csv").text
    assert "_problem" in broken.splitlines()[0] and "'x' is no number" in broken
    mended = "\n".join(line.replace(",x,", ",6,") for line in broken.splitlines() if not line.startswith(",,"))
    fixed = upload(shop, "mended.csv", (mended + "\n").encode(), fixes=load_id)
    preview = shop.get(f"/v1/uploads/{fixed['upload_id']}/preview")
    assert preview["problems"] == [] and preview["tables"][0]["kept"] == 1, preview
    job = shop("POST", "/v1/loads", {"uploads": [fixed["upload_id"]]}, role=Role.PLANNER).json()
    assert shop.done(job)["result"]["kept"] == 1


def test_an_edited_mapping_is_checked_and_used(shop):
    sent = upload(shop, "thing.csv", b"a,b,c,d\nA-1,S01,2026-11-03,3\nA-1,S01,2026-11-04,4\n")
    path = f"/v1/uploads/{sent['upload_id']}"
    mapping = "targets:\n- table: sales\n  columns: {item_id: a, location_id: b, date: c, units: d}\n"
    wrong = shop("PUT", f"{path}/mapping", {"mapping": mapping.replace("units: d", "units: z")}, role=Role.PLANNER)
    assert wrong.status_code == 422 and "'z'" in wrong.json()["detail"]
    good = shop("PUT", f"{path}/mapping", {"mapping": mapping}, role=Role.PLANNER)
    assert good.status_code == 200 and good.json()["origin"] == "given" and good.json()["tables"][0]["kept"] == 2
    assert shop("PUT", f"{path}/mapping", {"mapping": "{{{"}, role=Role.PLANNER).status_code == 422


def test_a_piece_out_of_place_is_refused_and_a_damaged_file_begins_anew(shop):
    content = b"item_id,location_id,date,units\nA,S01,2026-11-01,1\n"
    body = {"name": "p.csv", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path = f"/v1/uploads/{shop('POST', '/v1/uploads', body).json()['upload_id']}"
    headers = {"Authorization": f"Bearer {shop.tokens[Role.ADMIN]}"}

    def send(offset, piece):
        return shop.client.patch(path, params={"offset": offset}, content=piece, headers=headers)

    assert send(0, content[:10]).json()["received"] == 10
    assert send(20, content[20:]).status_code == 409
    assert send(0, content[:10]).json()["received"] == 10, "a piece that is here changes nothing"
    damaged = send(10, b"X" * (len(content) - 10))
    assert damaged.status_code == 422 and "another content" in damaged.json()["detail"]
    assert shop.get(path)["received"] == 0
    assert send(0, content).json()["state"] == "complete"


# -- jobs, models, the morning -----------------------------------------------------------------------------------------


def test_a_job_has_progress_and_a_log_and_an_export_can_be_downloaded(shop):
    started = shop("POST", "/v1/jobs", {"kind": "export", "parameters": {"what": "orders"}}, role=Role.PLANNER)
    assert started.status_code == 202 and started.json()["state"] == "queued"
    job = shop.done(started.json())
    log = shop.get(f"/v1/jobs/{job['job_id']}/log")
    assert "started by planner-user" in log["lines"][0]["text"]
    file = shop("GET", f"/v1/jobs/{job['job_id']}/file")
    assert file.status_code == 200 and b"line_id" in file.content.splitlines()[0]
    with shop.client.stream(
        "GET", f"/v1/jobs/{job['job_id']}/events", headers={"Authorization": f"Bearer {shop.tokens[Role.VIEWER]}"}
    ) as events:
        text = "".join(events.iter_text())
    assert "event: end" in text and json.dumps({"state": "done"}) in text


def test_a_failed_job_says_why_and_can_be_tried_again(shop):
    bad = shop("POST", "/v1/jobs", {"kind": "export", "parameters": {"what": "nonsense"}}, role=Role.PLANNER).json()
    from shelfcast.pipeline.run_jobs import run_waiting

    run_waiting(shop.platform, shop.settings)
    failed = shop.get(f"/v1/jobs/{bad['job_id']}")
    assert failed["state"] == "failed" and "nonsense" in failed["error"]
    assert any(one["cause"] == "job.failed" for one in shop.get("/v1/alerts"))
    again = shop("POST", f"/v1/jobs/{bad['job_id']}/retry", role=Role.PLANNER)
    assert again.status_code == 202 and again.json()["retry_of"] == bad["job_id"]
    cancelled = shop("POST", f"/v1/jobs/{again.json()['job_id']}/cancel", role=Role.PLANNER).json()
    assert cancelled["state"] == "cancelled"
    assert shop("POST", f"/v1/jobs/{again.json()['job_id']}/cancel", role=Role.PLANNER).status_code == 409


def test_an_alert_that_was_seen_leaves_the_list_until_it_is_put_back(shop):
    alert = shop.get("/v1/alerts")[0]
    shop("POST", f"/v1/alerts/{alert['alert_id']}/acknowledge", {"note": "on it"}, role=Role.PLANNER)
    assert alert["alert_id"] not in [one["alert_id"] for one in shop.get("/v1/alerts")]
    shown = {one["alert_id"]: one for one in shop.get("/v1/alerts?state=open&state=acknowledged")}
    assert shown[alert["alert_id"]]["acknowledged_by"] == "planner-user"
    assert shop("POST", f"/v1/alerts/{alert['alert_id']}/reopen", role=Role.PLANNER).status_code == 200
    assert shop.get("/v1/today")["alerts"]


def test_settings_are_changed_in_their_file_and_audited(shop):
    assert shop("PATCH", "/v1/settings", {"horizon": 0}).status_code == 422
    changed = shop("PATCH", "/v1/settings", {"keep_snapshots": 33}).json()
    assert next(one["value"] for one in changed if one["name"] == "keep_snapshots") == 33
    assert "keep_snapshots = 33" in (shop.folder / "shelfcast.toml").read_text("utf-8")
    entry = shop.get("/v1/audit?action=settings")["rows"][0]
    assert entry["detail"] == {"keep_snapshots": {"from": 20, "to": 33}}


def test_the_model_has_its_card_and_a_roll_back_needs_an_earlier_one(shop):
    models = shop.get("/v1/models")
    assert [one["champion"] for one in models] == [True]
    assert shop.get(f"/v1/models/{models[0]['model_id']}")["features"]
    none = shop("POST", "/v1/models/roll-back", {"reason": "just so"})
    assert none.status_code == 409 and "no earlier champion" in none.json()["detail"]
    assert shop("POST", f"/v1/models/{models[0]['model_id']}/promote", {"reason": "again"}).status_code == 409


def test_the_first_model_s_decision_picture_and_snapshots_are_there(shop):
    (model,) = shop.get("/v1/models")
    (decision,) = shop.get("/v1/models/decisions")
    assert (decision["model_id"], decision["verdict"], decision["promoted"]) == (model["model_id"], "first", True)
    assert model["sentence"] == decision["sentence"] == "Promoted: there was no champion yet."
    card = shop.get(f"/v1/models/{model['model_id']}")
    assert {"sales", "demand"} <= set(card["snapshots"]) and {"model.zip", "card.json"} <= set(card["files"])
    assert card["comparison"] is None and card["calibration"]
    picture = shop("GET", f"/v1/models/{model['model_id']}/plots/calibration.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml") and picture.content.startswith(b"<svg")
    assert shop("GET", f"/v1/models/{model['model_id']}/plots/model.zip").status_code == 404
    both = shop.get(f"/v1/models/compare?a={model['model_id']}&b={model['model_id']}")
    assert both["same_days"] and all(one["a"] == one["b"] for one in both["scores"])


def test_reads_of_every_page_answer(shop):
    paths = (
        "/v1/tables", "/v1/tables/sourcing/rows", "/v1/runs", "/v1/quality", "/v1/quality/report.html", "/v1/anomalies",
        "/v1/quarantine", "/v1/quarantine/summary", "/v1/loads", "/v1/templates", "/v1/templates/sales.csv", "/v1/models/scores",
        "/v1/models/accuracy", "/v1/forecasts/value-added", "/v1/forecasts/choices", "/v1/orders/download", "/docs", "/metrics",
    )  # fmt: skip
    for path in paths:
        assert shop("GET", path).status_code == 200, path


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_nothing(shop):
    started = shop("POST", "/v1/jobs", {"kind": "cycle"}, role=Role.PLANNER).json()
    command = [sys.executable, "-m", "shelfcast", "worker", "--lake", str(shop.folder), "--until-empty"]
    theirs = {name: value for name, value in ENVIRONMENT.items() if name != "SHELFCAST_MODEL_REGISTRY"}
    worker = subprocess.Popen(command, env=theirs, stdout=subprocess.DEVNULL)
    while shop.get(f"/v1/jobs/{started['job_id']}")["state"] == "queued":
        assert worker.poll() is None, "the worker ended before it took the job"
        time.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    half = shop.get(f"/v1/jobs/{started['job_id']}")
    assert half["state"] == "running" and half["attempt"] == 1
    from shelfcast.pipeline.run_jobs import run_next

    done = run_next(shop.platform, lambda: shop.settings, dead=[worker.pid])
    assert done is not None and done.state == "done" and done.attempt == 2, done
    assert [one["step"] for one in done.result["steps"]][-1] == "monitor"
    assert shop.get("/v1/orders/summary")["lines"] > 0
