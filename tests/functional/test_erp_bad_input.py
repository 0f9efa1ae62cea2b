"""The ERP's edges under broken input: what it pulls, what it says, what it answers to a push. Nothing is lost or taken twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfcast.adapters.local.clock import SystemClock
from shelfcast.adapters.local.folder_delivery import FolderDelivery
from shelfcast.domain.access import Role
from shelfcast.domain.errors import BadParameter, Conflict
from shelfcast.entrypoints.http.app import build
from shelfcast.pipeline import issue_tokens, manage_users
from shelfcast.pipeline.fake_erp import Temper, answer_into
from shelfcast.pipeline.push_orders import Channel, collect, push
from shelfcast.ports.file_delivery import Receipt
from tests.functional.erp_lake import approve, lake, states

ACK = {"order_ref": "r1", "state": "acknowledged"}
BROKEN = {
    "nothing": b"",
    "no JSON": b"{",
    "not text": b"\xff\xfe\x00",
    "a number": 7,
    "text": "r1",
    "null": None,
    "a list": [ACK],
    "lines missing": {},
    "lines null": {"lines": None},
    "lines a number": {"lines": 7},
    "no lines": {"lines": []},
    "a line is text": {"lines": ["r1"]},
    "a line is null": {"lines": [None]},
    "unknown field": {"lines": [ACK | {"colour": "red"}]},
    "unknown field beside": {"lines": [ACK], "more": 1},
    "no order_ref": {"lines": [{"state": "received"}]},
    "order_ref empty": {"lines": [ACK | {"order_ref": ""}]},
    "order_ref endless": {"lines": [ACK | {"order_ref": "x" * 65}]},
    "order_ref a number": {"lines": [ACK | {"order_ref": 1}]},
    "no state": {"lines": [{"order_ref": "r1"}]},
    "unknown state": {"lines": [ACK | {"state": "lost"}]},
    "a state of ours": {"lines": [ACK | {"state": "approved"}]},
    "qty a word": {"lines": [ACK | {"qty": "ten"}]},
    "qty below 0": {"lines": [ACK | {"qty": -1}]},
    "qty endless": {"lines": [ACK | {"qty": 1e12}]},
    "qty not finite": b'{"lines": [{"order_ref": "r1", "state": "acknowledged", "qty": NaN}]}',
    "date a word": {"lines": [ACK | {"delivery_date": "soon"}]},
    "date of another form": {"lines": [ACK | {"delivery_date": "14.03.2026"}]},
    "message endless": {"lines": [ACK | {"message": "x" * 501}]},
    "deep": b"[" * 20_000,
}
PULLS = {
    "a list": [], "unknown field": {"suplier": "x"}, "source a number": {"source_id": 1}, "source endless": {"source_id": "x" * 129},
    "limit 0": {"limit": 0}, "limit below 0": {"limit": -5}, "limit a word": {"limit": "all"}, "limit a fraction": {"limit": 1.5},
    "limit endless": {"limit": 10**9}, "limit null": {"limit": None}, "no JSON": b"{", "not text": b"\xff", "nothing": b"", "text": "x",
}  # fmt: skip
KEYS = ("", "short", "with space 1", "x" * 129, "näht-0001", "a/b/c/d/e/f", "tab\tinside", "semi;colon;x")


@pytest.fixture(scope="module")
def erp() -> tuple[Any, Callable[..., Any]]:
    platform = replace(lake(), clock=SystemClock())
    approve(platform, "r1", "r2")
    client = TestClient(build(platform), raise_server_exceptions=False)
    who = manage_users.create_user(platform.records, platform.clock, "erp-x", "a long enough one", Role.ERP)
    token = issue_tokens.issue(platform.records, platform.clock, who).access_token

    def post(path: str, body: Any, key: str = "night-0001") -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": key.encode(),
            "Content-Type": "application/json",
        }
        return client.post(f"/v1/erp/{path}", content=content, headers=headers)

    return platform, post


def refused(answer: Any) -> bool:
    return answer.status_code in (400, 413, 422) and bool(answer.json())


def test_broken_pulls_take_nothing(erp):
    platform, post = erp
    for name, body in PULLS.items():
        assert refused(post("pulls", body)), name
    for key in KEYS:
        assert refused(post("pulls", {}, key)), key
    assert set(states(platform).values()) == {"approved"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_acknowledgement_is_refused_and_changes_nothing(erp, name):
    platform, post = erp
    assert refused(post("acknowledgements", BROKEN[name]))
    assert set(states(platform).values()) == {"approved"}


lines = st.lists(
    st.fixed_dictionaries(
        {
            "order_ref": st.sampled_from(["r1", "r2", "r3", "r9"]),
            "state": st.sampled_from(["acknowledged", "in_transit", "received", "rejected", "cancelled"]),
            "qty": st.none() | st.floats(0, 100),
        }
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(lines, min_size=1, max_size=4))
def test_every_line_of_a_receipt_or_a_file_is_noted_refused_or_kept_as_broken(said):
    platform = lake()
    approve(platform, "r1", "r2", "r3")
    door = Answering(json.dumps({"lines": said[0]}).encode(), [json.dumps(one).encode() for one in said[1:]])
    channel = Channel("erp", door, "json")
    (done,) = push(platform, channel, currency="EUR", wait=lambda _: None)
    assert done.answered + done.refused == len(said[0]) and len(done.reasons) == done.refused
    collected = collect(platform, channel)
    assert collected.lines == collected.noted + collected.refused + collected.broken == sum(map(len, said[1:]))
    assert collected.files == len(said) - 1
    assert all(
        state in ("sent", "acknowledged", "in_transit", "received", "rejected", "cancelled")
        for state in states(platform).values()
    )


class Answering:
    """An ERP that takes every file and answers with bytes of its own."""

    def __init__(self, answer: bytes, acks: list[bytes] | None = None) -> None:
        self.answer, self.acks, self.tries = answer, dict(enumerate(acks or [])), 0

    def deliver(self, name: str, data: bytes) -> Receipt:
        self.tries += 1
        return Receipt(f"there/{name}", "x", len(data), answer=self.answer)

    def collect(self) -> list[tuple[str, bytes]]:
        return [(f"{number}.json", data) for number, data in self.acks.items()]

    def done(self, name: str) -> None:
        self.acks.pop(int(name.split(".")[0]))


R = b'"order_ref": "r1"'
BROKEN_ANSWERS = {
    "half an object": b'{"lines": [',
    "half a list": b"[{",
    "an object that is none": b"{lines}",
    "an empty list": b"[]",
    "numbers": b"[1, 2]",
    "words": b'["r1"]',
    "a list in a list": b"[[]]",
    "nulls": b"[null]",
    "lines are null": b'{"lines": null}',
    "lines are a number": b'{"lines": 1}',
    "lines are text": b'{"lines": "r1"}',
    "lines are an object": b'{"lines": {"r1": "acknowledged"}}',
    "no lines": b'{"lines": []}',
    "no state": b'{"lines": [{' + R + b"}]}",
    "state is null": b'{"lines": [{' + R + b', "state": null}]}',
    "state is unknown": b'{"lines": [{' + R + b', "state": "ok"}]}',
    "state is a list": b'{"lines": [{' + R + b', "state": ["acknowledged"]}]}',
    "no order_ref": b'{"lines": [{"state": "acknowledged"}]}',
    "order_ref is null": b'{"lines": [{"order_ref": null, "state": "acknowledged"}]}',
    "order_ref is endless": b'{"lines": [{"order_ref": "' + b"x" * 99 + b'", "state": "acknowledged"}]}',
    "qty is a word": b'{"lines": [{' + R + b', "state": "acknowledged", "qty": "ten"}]}',
    "qty is below 0": b'{"lines": [{' + R + b', "state": "acknowledged", "qty": -1}]}',
    "qty is NaN": b'{"lines": [{' + R + b', "state": "acknowledged", "qty": NaN}]}',
    "date is a word": b'{"lines": [{' + R + b', "state": "acknowledged", "delivery_date": "soon"}]}',
    "not text": b"[\xff\xfe]",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN_ANSWERS)
def test_an_answer_that_means_to_say_something_and_can_not_be_read_is_kept_and_told(name):
    platform = lake()
    approve(platform, "r1")
    door = Answering(BROKEN_ANSWERS[name])
    (done,) = push(platform, Channel("erp", door), currency="EUR", wait=lambda _: None)
    assert (done.state, done.answered, done.refused, len(done.reasons)) == ("delivered", 0, 1, 1)
    assert states(platform) == {"r1": "sent"} and door.tries == 1
    (letter,) = platform.blobs.list("dead_letters/erp/")
    assert platform.blobs.get(letter) == BROKEN_ANSWERS[name]


@pytest.mark.parametrize("answer", [b"", b"thanks", b"<ok/>", b'{"status": "ok"}', b"\xff"])
def test_an_answer_that_says_nothing_of_lines_is_no_fault(answer):
    platform = lake()
    approve(platform, "r1")
    (done,) = push(platform, Channel("erp", Answering(answer)), currency="EUR", wait=lambda _: None)
    assert (done.answered, done.refused, platform.blobs.list("dead_letters/")) == (0, 0, [])


# The folder the demo's ERP reads


def test_a_folder_holds_each_file_once_with_its_checksum(tmp_path):
    door = FolderDelivery(tmp_path / "erp")
    first = door.deliver("a.csv", b"1")
    assert (first.size, first.already_there, door.deliver("a.csv", b"1").already_there) == (1, False, True)
    with pytest.raises(Conflict, match="other content"):
        door.deliver("a.csv", b"2")
    names = sorted(one.name for one in (tmp_path / "erp").iterdir())
    assert names == ["a.csv", "a.csv.sha256"]
    assert (tmp_path / "erp" / "a.csv.sha256").read_text() == f"{first.sha256}  a.csv\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(BadParameter, match="folder we may write to"):
        FolderDelivery(tmp_path / "file").deliver("a.csv", b"1")


def test_orders_go_to_the_made_up_erp_and_its_answers_come_back_once(tmp_path):
    platform = lake()
    approve(platform, *(f"r{n:03d}" for n in range(200)))
    door = FolderDelivery(tmp_path)
    channel = Channel("demo", door)
    (sent,) = push(platform, channel, currency="EUR", wait=lambda _: None)
    assert sent.lines == 200 and (tmp_path / "orders-demo-00000001.csv").read_text().count("\n") == 201
    answered = answer_into(platform, tmp_path, Temper(seed=7))
    assert answered.lines == answered.confirmed + answered.short + answered.late + answered.rejected == 200
    assert min(answered.confirmed, answered.short, answered.late, answered.rejected) > 0
    noted = collect(platform, channel)
    assert (noted.files, noted.lines, noted.noted, noted.refused, noted.broken) == (1, 200, 200, 0, 0)
    found = list(states(platform).values())
    assert (found.count("rejected"), found.count("acknowledged")) == (answered.rejected, 200 - answered.rejected)
    assert collect(platform, channel).files == 0 and answer_into(platform, tmp_path).lines == 0
