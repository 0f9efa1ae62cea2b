"""`shelfcast models`: what it prints and how it refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.entrypoints.cli import app
from shelfcast.pipeline import model_decisions
from shelfcast.ports.model_registry import CHALLENGER, CHAMPION, Candidate
from shelfcast.ports.platform import Platform

AT = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Two versions without real model files: what is shown needs none."""
    made = in_memory()
    ids = []
    for number, (wape, feature) in enumerate(((0.30, "price"), (0.25, "weather"))):
        cutoff = (AT + timedelta(days=28 * number)).date().isoformat()
        facts = {
            "model": "ensemble", "cutoff": cutoff, "frequency": "D", "horizon": 28, "cause": "drift", "reason": "dairy drifts",
            "series": 40, "rows": 900, "first_period": "2025-01-01", "last_period": cutoff,
        }  # fmt: skip
        scores = {"wape": wape, "held_out/wape": wape, "held_out/bias": 0.01, "held_out/coverage_80": 0.81}
        version = made.models.register(
            Candidate(b"%d" % number, AT + timedelta(days=number), facts, scores, ("level", feature), {"sales": 12})
        )
        ids.append(version.model_id)
    made.models.set_alias(CHAMPION, ids[0], by="night", reason="Promoted: there was no champion yet.", at=AT)
    made.models.set_alias(CHALLENGER, ids[1], by="monitor", reason="kept", at=AT)
    model_decisions.note(
        made,
        {
            "model_id": ids[1], "champion": ids[0], "cutoff": "2026-03-29", "cause": "drift", "reason": "dairy drifts", "by": "monitor",
            "verdict": "kept", "promoted": False, "sentence": "Kept the champion: it isn't better.", "comparison": None,
        },
    )  # fmt: skip
    monkeypatch.setattr("shelfcast.bootstrap.open_platform", lambda *_: made)
    return made


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["shelfcast", "models", *words])
    try:
        app.run()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_the_list_shows_scores_roles_and_why(
    platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = call(capsys, monkeypatch, "list")
    assert code == 0
    second, first = platform.models.list()
    lines = said.splitlines()
    assert (
        lines[0].split()[:2] == ["2", second.model_id] and "WAPE 25.0 %" in lines[0] and lines[0].endswith("challenger")
    )
    assert lines[1].strip() == "Kept the champion: it isn't better."
    assert first.model_id in lines[2] and lines[2].endswith("champion")
    _, history = call(capsys, monkeypatch, "list", "--history")
    assert f"{first.model_id}  by night: Promoted: there was no champion yet." in history


def test_a_version_is_shown_by_its_alias_or_first_letters(
    platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = call(capsys, monkeypatch, "show", "challenger")
    assert code == 0
    assert "Learnt from   2025-01-01 to 2026-03-29: 40 series, 900 rows" in said
    assert "Decision      Kept the champion: it isn't better." in said
    assert "Snapshots     sales 12" in said
    assert call(capsys, monkeypatch, "show", platform.models.list()[0].model_id[:6])[1] == said


def test_two_versions_are_shown_side_by_side(
    platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = call(capsys, monkeypatch, "compare", "challenger")
    assert code == 0
    assert "the scores below are of different days" in said
    assert any(line.split() == ["wape", "0.2500", "0.3000"] for line in said.splitlines())
    assert "looks at: weather" in said and "looks at: price" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "zzzz"), "there is no model 'zzzz'"),
        (("rollback", "--reason", "eggs"), "there is no earlier champion to go back to"),
        (("promote", "champion", "--reason", "again"), "is the champion already"),
        (("promote", "challenger", "--reason", "it is lovely"), "this isn't a model file"),
    ],
    ids=["unknown", "nothing before", "already", "no model"],
)
def test_what_can_not_be_done_is_told_in_a_sentence(
    platform: Platform,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    message: str,
) -> None:
    code, said = call(capsys, monkeypatch, *words)
    assert code in (1, 2) and message in said and "Traceback" not in said


def test_without_a_model_the_list_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = replace(in_memory())
    monkeypatch.setattr("shelfcast.bootstrap.open_platform", lambda *_: empty)
    code, said = call(capsys, monkeypatch, "list")
    assert code == 0 and "shelfcast run" in said
