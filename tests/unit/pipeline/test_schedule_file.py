"""Schedules as TOML: what is printed is read back the same, and what can't be used is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadFile, BadParameter
from shelfcast.pipeline.schedule_file import as_toml, from_toml
from shelfcast.pipeline.schedule_jobs import DEFAULTS, Schedule


def test_the_offered_schedules_are_read_back_the_same():
    assert tuple(from_toml(as_toml(DEFAULTS))) == DEFAULTS


@settings(max_examples=60, deadline=None)
@given(
    note=st.text(max_size=60).filter(lambda it: "\x00" not in it), label=st.text(max_size=20), hours=st.floats(0, 700)
)
def test_any_text_survives_the_way_there_and_back(note, label, hours):
    one = Schedule(
        name="x", kind="push", when="daily at 02:30", note=note, catch_up_hours=hours, parameters={"source": label, "collect": False}
    )  # fmt: skip
    assert from_toml(as_toml([one])) == [one]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("[a\nb", BadFile, "TOML"),
        ("kind = 'cycle'", BadFile, "outside a schedule"),
        ("[nightly]\nkind = 'cycle'", BadParameter, "when: Field required"),
        ("[nightly]\nkind = 'cycle'\nwhen = 'now and then'", BadParameter, "can't be read"),
        ("[Nightly]\nkind = 'cycle'\nwhen = 'daily at 02:30'", BadParameter, "name"),
    ],
)
def test_what_cannot_be_used_is_named(text, error, says):
    with pytest.raises(error, match=says):
        from_toml(text)
