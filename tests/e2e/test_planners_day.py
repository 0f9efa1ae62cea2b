"""A planner's day in the browser, from the one-time link to signing out. The tests build on one another, in order."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.conftest import PASSWORD, SIZES
from tests.e2e.shop import FESTIVAL, ITEMS, LAST, STORES, write_night

JOB = 120_000
"""Milliseconds a job may take on a busy machine."""
PAGES = {
    "today": "/today", "forecasts": "/forecasts", "series": "/forecasts/series?item=MLK&location=S01", "what-if": "/what-if",
    "what-if-new": "/what-if/new", "orders": "/orders", "load": "/data/upload", "quality": "/data/quality",
    "quarantine": "/data/quarantine", "tables": "/data/tables", "jobs": "/data/jobs", "rules": "/rules",
    "suppliers": "/rules/sourcing", "models": "/models", "users": "/admin/users", "settings": "/admin/settings",
    "audit": "/admin/audit", "alerts": "/alerts?show=standing", "schedules": "/admin/schedules", "notices": "/admin/notices",
}  # fmt: skip


def go(page, server, path: str) -> None:
    page.goto(server.address + path)
    page.get_by_role("heading", level=1).wait_for()


def test_the_one_time_link_makes_the_first_admin(page, server):
    page.goto(f"{server.address}/welcome?code={server.code}")
    page.get_by_label("Name").fill("dana")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make account").click()
    page.get_by_role("heading", name="Today", level=1).wait_for()
    assert page.get_by_text("Needs attention").is_visible()


def test_a_deep_link_asks_for_the_sign_in_and_then_leads_there(browser, server):
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{server.address}/forecasts?search=tea")
    page.get_by_label("Name").fill("dana")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("name or password is wrong").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Green tea").first.wait_for()
    assert urlsplit(page.url).path == "/forecasts"
    assert parse_qs(urlsplit(page.url).query) == {"search": ["tea"]}
    context.close()


def test_a_broken_file_shows_its_problems_by_row_before_anything_is_loaded(page, server, tmp_path):
    go(page, server, "/data/upload")
    page.locator("input[type=file]").set_input_files(write_night(tmp_path / "broken-night.csv", broken=True))
    page.get_by_role("heading", name="broken-night.csv").wait_for()
    page.get_by_role("heading", name=re.compile("Rows that can't be used")).wait_for()
    assert page.get_by_text("twelve").first.is_visible()
    assert page.get_by_text("31.31.2026").first.is_visible()


def test_a_good_file_is_loaded_and_the_cycle_runs_on_it(page, server, tmp_path):
    go(page, server, "/data/upload")
    page.locator("input[type=file]").set_input_files(write_night(tmp_path / "good-night.csv", broken=False))
    page.get_by_role("heading", name="good-night.csv").wait_for()
    page.get_by_role("button", name="Load", exact=True).click()
    page.get_by_text("It is used from the next cycle on").wait_for(timeout=JOB)
    go(page, server, "/data/jobs")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Forecast and propose orders now").click()
    page.wait_for_url("**/data/jobs/*")
    page.get_by_role("button", name="Run again").wait_for(timeout=JOB)
    assert page.get_by_text("Done", exact=True).first.is_visible()


def test_an_override_changes_the_forecast_of_the_series(page, server):
    go(page, server, "/forecasts?search=milk")
    page.get_by_role("link", name="Whole milk").first.click()
    page.get_by_role("heading", name=re.compile("Whole milk in")).wait_for()
    chart = page.get_by_role("img", name=re.compile("days of history"))
    chart.wait_for()
    page.locator(".chart[data-ready=true]").first.wait_for()
    page.get_by_role("button", name="Override", exact=True).click()
    dialog = page.get_by_role("dialog").filter(has=page.get_by_role("button", name="Override", exact=True))
    dialog.get_by_role("spinbutton", name="Percent").fill("50")
    dialog.get_by_role("textbox", name="Note").fill("street market")
    dialog.get_by_role("button", name="Override", exact=True).click()
    page.get_by_text("The override is in the forecast and in the orders").wait_for(timeout=JOB)
    page.get_by_text("+50%").first.wait_for()
    page.get_by_text("In force").wait_for()


def test_festival_and_price_drop_is_answered_with_its_like_events(page, server):
    go(page, server, "/what-if/new")
    page.get_by_role("button", name=re.compile("Categories")).click()
    for one in ("Fresh", "Pantry"):
        page.get_by_role("option", name=one).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Festival + price drop").first.click()
    assert page.get_by_text(FESTIVAL).first.is_visible()
    page.get_by_role("button", name="Work it out").click()
    page.get_by_role("heading", name="Day by day").wait_for(timeout=JOB)
    assert page.get_by_text(re.compile(r"History holds \d+ like events")).is_visible()
    page.get_by_role("heading", name=re.compile("By item and store")).wait_for()


def test_a_what_if_outside_history_is_refused_with_what_is_supported(page, server):
    go(page, server, "/what-if/new?category=Fresh&category=Pantry")
    page.get_by_role("button", name="Price", exact=True).click()
    page.get_by_role("spinbutton", name="Change of the price").fill("-60")
    page.get_by_role("button", name="Work it out").click()
    page.get_by_text("History can't answer this").wait_for(timeout=JOB)
    assert page.get_by_role("button", name="Change it").first.is_visible()


def test_a_rule_shows_its_effect_before_it_is_set(page, server):
    go(page, server, "/rules")
    page.get_by_role("button", name="Target cycle service").click()
    page.get_by_role("textbox", name="Value").fill("0.8")
    page.get_by_role("textbox", name="Reason").fill("too much stock at the month's end")
    page.get_by_role("button", name="What would it change tonight?").click()
    page.get_by_text(re.compile("of tonight would change")).wait_for(timeout=JOB)
    page.get_by_role("button", name="Cancel").last.click()


def test_an_order_line_says_where_its_quantity_comes_from_and_is_approved(page, server):
    go(page, server, "/orders?state=proposed")
    page.get_by_role("link", name=re.compile("|".join(name for name, *_ in ITEMS.values()))).first.click()
    page.get_by_role("heading", name="From demand to order").wait_for()
    page.get_by_role("img", name=re.compile("shelf|Stock is expected")).wait_for()
    page.get_by_role("button", name=re.compile("^Approve")).click()
    page.get_by_text("1 line is approved.").wait_for()
    page.get_by_role("button", name="Take back").wait_for()


def test_many_orders_are_approved_at_once(page, server):
    go(page, server, "/orders?state=proposed")
    page.get_by_role("button", name="Approve all that match").click()
    page.get_by_role("button", name="Approve all", exact=True).click()
    page.get_by_text(re.compile(r"(line is|lines are) approved\.")).first.wait_for()
    page.get_by_text("No line matches these filters.").wait_for()


def test_the_downloaded_file_has_the_numbers_of_the_page(page, server):
    go(page, server, "/forecasts?category=Fresh")
    total = page.locator(".figures dd").nth(1)
    total.filter(has_text=re.compile(r"^\d")).wait_for()
    shown = float(re.search(r"[\d,]+", total.inner_text())[0].replace(",", ""))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    fresh = {item for item, (_, category, *_) in ITEMS.items() if category == "Fresh"}
    assert {row["item_id"] for row in rows} == fresh
    assert {row["location_id"] for row in rows} == set(STORES)
    assert min(row["date"] for row in rows) == (LAST + timedelta(days=2)).isoformat()
    assert sum(float(row["mean"]) for row in rows) == pytest.approx(shown, abs=1)


def test_a_model_is_trained_again_and_promoted(page, server):
    go(page, server, "/models")
    page.get_by_role("button", name="Retrain").click()
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Training has begun").wait_for()
    promote = page.get_by_role("button", name=re.compile("^Promote .* of")).first
    for _ in range(60):
        if promote.is_visible():
            break
        page.wait_for_timeout(2000)
        page.reload()
        page.get_by_role("heading", name=re.compile("^Versions")).wait_for()
    promote.click()
    page.get_by_role("textbox", name="Reason").fill("learnt from the newest night")
    page.get_by_role("button", name="Promote", exact=True).click()
    page.get_by_text("It forecasts from the next cycle on.").wait_for()


@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_clean_for_screen_readers(page, server, shots, size):
    from axe_playwright_python.sync_playwright import Axe

    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    found = []
    for name, path in PAGES.items():
        go(page, server, path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=shots / f"{name}-{width}.png")
        for one in Axe().run(page).response["violations"]:
            targets = [" ".join(map(str, node["target"])) for node in one["nodes"]][:3]
            found.append(f"{name} at {width}: {one['id']} ({one['impact']}): {targets}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, f"{name} is {wide} px wider than the screen at {width}"
    page.set_viewport_size(dict(zip(("width", "height"), SIZES["wide"], strict=True)))
    assert not found, "\n".join(found)


def test_the_keyboard_reaches_the_navigation(page, server):
    go(page, server, "/today")
    page.get_by_role("link", name="Orders", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Orders", level=1).wait_for()


def test_signing_out_ends_the_session(page, server):
    go(page, server, "/today")
    page.get_by_role("button", name="Signed in as dana").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto(f"{server.address}/orders")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.evaluate("localStorage.getItem('shelfcast.refresh')") is None


def test_no_page_wrote_an_error(server):
    known = re.compile(r"status of (401|409|422)")
    assert [one for one in server.problems if not known.search(one)] == []
