"""A cycle begins the same by hand, as a job and by a schedule: events that wait are taken in first, terms are the lake's."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from shelfcast.bootstrap import in_memory, init_lake, lake_settings, open_lake
from shelfcast.domain.errors import BadFile, NotReady
from shelfcast.pipeline import job_kinds
from shelfcast.pipeline.begin_cycle import begin_cycle
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.receive_events import EventIntake, event_log
from shelfcast.pipeline.run_jobs import run_waiting
from shelfcast.ports.platform import Platform


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = datetime(2026, 3, 10, 12, tzinfo=UTC)  # type: ignore[attr-defined]
    event = {"event_id": "1", "occurred_at": "2026-03-02T10:00:00Z", "item_id": "A", "location_id": "S", "units": 1}
    EventIntake(event_log(made), made.clock).receive(json.dumps([event]).encode(), "till")
    return made


def test_a_whole_cycle_takes_in_what_the_tills_sent(platform):
    settings = LakeSettings(terms='{"stock_cover_days": 2}')
    with pytest.raises(NotReady):
        begin_cycle(platform, settings, steps=["forecast"])
    chosen = begin_cycle(platform, settings, horizon=7, retrain=True)
    assert (chosen.cutoff, chosen.horizon, chosen.retrain) == (date(2026, 3, 2), 7, True)
    assert chosen.terms == settings.terms
    assert begin_cycle(platform, settings, terms='{"stock_cover_days": 3}').terms == '{"stock_cover_days": 3}'


def test_till_events_are_taken_in_by_a_job_of_their_own(platform):
    job_kinds.start(platform, "events", {}, "ann")
    (job,) = run_waiting(platform, LakeSettings())
    assert (job.state, job.result["events"], job.result["sales_inserted"]) == ("done", 1, 1)


def test_the_terms_of_a_lake_are_a_file_in_it(tmp_path):
    init_lake(tmp_path)
    settings, _ = open_lake(tmp_path, terms="terms.yaml")
    with pytest.raises(BadFile, match=r"terms\.yaml can't be read"):
        lake_settings(settings)
    (tmp_path / "terms.yaml").write_text("stock_cover_days: 2\n")
    assert lake_settings(settings).terms == '{"stock_cover_days": 2}'
