"""Orders go out once and acknowledgements come back once: when the ERP is down, when we are killed, when it repeats itself."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from shelfcast.adapters.webhook import Webhook, verify
from shelfcast.bootstrap import http_client
from shelfcast.domain.errors import BadInput, BadParameter, Conflict, SourceDown
from shelfcast.domain.tables.supply import OPEN_ORDERS
from shelfcast.lake.as_of import current
from shelfcast.pipeline import push_orders
from shelfcast.pipeline.fake_erp import Temper, answer, as_file, play
from shelfcast.pipeline.push_orders import Channel, collect, deliveries, push, read_acknowledgements, sent_lines
from shelfcast.ports.file_delivery import Receipt
from shelfcast.ports.platform import Platform
from tests.functional.erp_lake import NOW, approve, lake, states
from tests.functional.loopback import Loopback, Reply, loopback
from tests.unit.pipeline.test_ingest_events import Crash, Failing


class Folder:
    """An ERP's folder in memory; `down` counts the tries that fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.acks: dict[str, bytes] = {}
        self.down = 0
        self.tries = 0

    def deliver(self, name: str, data: bytes) -> Receipt:
        self.tries += 1
        if self.down:
            self.down -= 1
            raise SourceDown("connection reset")
        if self.files.get(name, data) != data:
            raise Conflict("another file")
        already = name in self.files
        self.files[name] = data
        return Receipt(f"memory/{name}", "x", len(data), already_there=already)

    def collect(self) -> list[tuple[str, bytes]]:
        return sorted(self.acks.items())

    def done(self, name: str) -> None:
        self.acks.pop(name, None)


@pytest.fixture
def platform() -> Platform:
    return lake()


def send(platform: Platform, folder: Any, **more: Any) -> list:
    return push(platform, Channel("erp", folder, **more), currency="EUR", wait=lambda _: None)


def refs(data: bytes) -> list[str]:
    return [line["order_ref"] for order in json.loads(data)["orders"] for line in order["lines"]]


def test_approved_lines_go_out_once(platform):
    folder = Folder()
    approve(platform, "r1", "r2")
    (done,) = send(platform, folder, format="json")
    assert (done.name, done.state, done.lines, done.value) == ("orders-erp-00000001.json", "delivered", 2, 40.0)
    assert states(platform) == {"r1": "sent", "r2": "sent"}
    assert send(platform, folder, format="json") == []
    approve(platform, "r3")
    send(platform, folder, format="json")
    assert {name: refs(data) for name, data in folder.files.items()} == {
        "orders-erp-00000001.json": ["r1", "r2"],
        "orders-erp-00000002.json": ["r3"],
    }
    assert [one["state"] for one in deliveries(platform)] == ["delivered", "delivered"]


def test_while_the_erp_is_down_the_delivery_waits_and_nothing_overtakes_it(platform):
    folder = Folder()
    folder.down = 3
    approve(platform, "r1")
    waits: list[float] = []
    (stuck,) = push(platform, Channel("erp", folder, "json"), currency="EUR", wait=waits.append)
    assert (stuck.state, stuck.error, folder.tries, waits) == ("open", "connection reset", 3, [1.0, 2.0])
    approve(platform, "r2")
    done = send(platform, folder, format="json")
    assert [one.name for one in done] == ["orders-erp-00000001.json", "orders-erp-00000002.json"]
    assert [refs(data) for data in folder.files.values()] == [["r1"], ["r2"]]


def test_a_crash_at_any_write_sends_every_line_once():
    for at in range(1, 40):
        platform, folder, countdown = lake(), Folder(), [at]
        failing = replace(
            platform,
            records=Failing(platform.records, countdown),
            blobs=Failing(platform.blobs, countdown),
        )
        for batch in (("r1", "r2"), ("r3",)):
            approve(platform, *batch)
            try:
                send(failing, folder, format="json")
            except Crash:
                send(platform, folder, format="json")
        assert sorted(ref for data in folder.files.values() for ref in refs(data)) == ["r1", "r2", "r3"], at
        assert set(states(platform).values()) == {"sent"} and send(platform, folder, format="json") == []
        if countdown[0] > 0:
            assert at > 8
            break


def test_two_pushes_at_once_send_every_line_once(platform):
    folder = Folder()
    approve(platform, *(f"r{number}" for number in range(20)))
    threads = [threading.Thread(target=send, args=(platform, folder), kwargs={"format": "json"}) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    send(platform, folder, format="json")
    sent = [ref for data in folder.files.values() for ref in refs(data)]
    assert sorted(sent) == sorted(states(platform)) and set(states(platform).values()) == {"sent"}


def test_each_supplier_may_have_its_own_door(platform):
    approve(platform, "r1", source_id="SUP1")
    approve(platform, "r2", source_id="SUP2")
    folder = Folder()
    push(platform, Channel("sup2", folder, "json", source="SUP2"), currency="EUR", wait=lambda _: None)
    assert [refs(data) for data in folder.files.values()] == [["r2"]] and states(platform)["r1"] == "approved"


def test_a_line_the_format_can_not_carry_is_told_and_stays_in_its_delivery(platform):
    approve(platform, "r1", item_id="x" * 90)
    with pytest.raises(BadParameter, match="CSV or JSON"):
        send(platform, Folder(), format="edifact")
    assert deliveries(platform)[0]["error"].startswith("item 'xxx")


def test_a_delivery_that_could_not_be_written_goes_out_in_the_format_the_message_names(platform):
    folder = Folder()
    approve(platform, "r1", item_id="x" * 90)
    with pytest.raises(BadParameter, match="CSV or JSON"):
        send(platform, folder, format="edifact")
    (done,) = send(platform, folder, format="json")
    assert (done.state, done.name, refs(folder.files[done.name])) == ("delivered", "orders-erp-00000001.json", ["r1"])


def test_a_file_that_was_written_keeps_its_format_whatever_is_asked_for_later(platform):
    folder = Folder()
    folder.down = 3
    approve(platform, "r1")
    send(platform, folder, format="json")
    assert [one.name for one in send(platform, folder, format="csv")] == ["orders-erp-00000001.json"]


def test_more_lines_than_a_file_holds_go_out_in_several_at_once(platform, monkeypatch):
    monkeypatch.setattr(push_orders, "MOST_LINES", 4)
    folder, names = Folder(), [f"r{number}" for number in range(10)]
    approve(platform, *names)
    done = send(platform, folder, format="json")
    assert [one.lines for one in done] == [4, 4, 2]
    assert sorted(ref for data in folder.files.values() for ref in refs(data)) == sorted(names)
    assert send(platform, folder, format="json") == []


def test_a_delivery_left_open_is_finished_for_the_supplier_it_was_opened_for(platform):
    folder = Folder()
    folder.down = 3
    approve(platform, "r1", source_id="SUP1")
    send(platform, folder, format="json", source="SUP1")
    approve(platform, "r2", source_id="SUP2")
    done = send(platform, folder, format="json", source="SUP2")
    assert [refs(folder.files[one.name]) for one in done] == [["r1"], ["r2"]]


def test_names_and_formats_are_checked(platform):
    with pytest.raises(BadParameter, match="channel name"):
        Channel("My ERP", Folder())
    with pytest.raises(BadParameter, match="known: csv, edifact, json, x12"):
        Channel("erp", Folder(), "xml")


# Acknowledgements


def test_a_line_confirmed_again_with_another_day_or_quantity_has_changed(platform):
    folder = Folder()
    approve(platform, "r1")
    send(platform, folder)

    def say(name: str, **line: Any) -> Any:
        folder.acks = {name: json.dumps([{"order_ref": "r1", **line}]).encode()}
        return collect(platform, Channel("erp", folder))

    def standing() -> tuple:
        body = platform.records.get("order_states", "r1").body
        return body["state"], body["qty"], body["delivery_date"], len(body["history"])

    say("1.json", state="acknowledged", qty=10)
    assert say("2.json", state="acknowledged", qty=6, delivery_date="2026-03-15").noted == 1
    assert standing() == ("acknowledged", 6.0, "2026-03-15", 3)
    assert say("3.json", state="acknowledged", qty=6, delivery_date="2026-03-15").noted == 1
    assert standing()[3] == 3
    say("4.json", state="received", qty=6)
    refused = say("5.json", state="received", qty=4)
    assert (refused.noted, refused.refused) == (0, 1) and "is received" in refused.reasons[0]
    assert say("6.json", state="received", qty=6).noted == 1


def test_acknowledgement_files_are_noted_once(platform):
    folder = Folder()
    approve(platform, "r1", "r2")
    send(platform, folder)
    text = "order_ref,state,qty,delivery_date,erp_order_id\r\nr1,acknowledged,8,2026-03-14,4500\r\nr2,rejected,,,\r\nr9,acknowledged,,,\r\n"
    for _ in range(2):
        folder.acks = {"a.csv": text.encode("utf-8-sig")}
        done = collect(platform, Channel("erp", folder))
        assert (done.files, done.lines, done.noted, done.refused, done.broken) == (1, 3, 2, 1, 0)
    assert states(platform) == {"r1": "acknowledged", "r2": "rejected"}
    assert done.reasons == ("r9: no line has this order_ref",) and folder.acks == {}
    assert sent_lines(platform).select("order_ref", "qty", "delivery_date").rows() == [("r1", 8.0, "2026-03-14")]


BROKEN = {
    "nothing": b"",
    "only a header": b"order_ref,state\n",
    "no JSON": b"{",
    "JSON of something else": b'{"a": 1}',
    "a number": b"7",
    "lines are a number": b'{"lines": 7}',
    "no lines": b'{"lines": []}',
    "a line is text": b'["x"]',
    "no order_ref": b'[{"state": "received"}]',
    "no state": b'[{"order_ref": "r1"}]',
    "unknown state": b'[{"order_ref": "r1", "state": "lost"}]',
    "state is null": b'[{"order_ref": "r1", "state": null}]',
    "empty order_ref": b'[{"order_ref": "", "state": "received"}]',
    "endless order_ref": b'[{"order_ref": "' + b"x" * 99 + b'", "state": "received"}]',
    "qty is a word": b"order_ref,state,qty\nr1,acknowledged,ten\n",
    "qty below 0": b"order_ref,state,qty\nr1,acknowledged,-1\n",
    "qty is endless": b'[{"order_ref": "r1", "state": "acknowledged", "qty": 1e99}]',
    "qty is NaN": b'[{"order_ref": "r1", "state": "acknowledged", "qty": NaN}]',
    "qty is a list": b'[{"order_ref": "r1", "state": "acknowledged", "qty": []}]',
    "date is a word": b"order_ref,state,delivery_date\nr1,acknowledged,soon\n",
    "date of another country": b"order_ref,state,delivery_date\nr1,acknowledged,14.03.2026\n",
    "not text": b"\xff\xfe\x00",
    "an open quote": b'order_ref,state\n"r1,received\n',
    "deep": b"[" * 100_000,
    "another separator": b"order_ref;state\nr1;received\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_acknowledgement_file_changes_nothing_and_is_kept(platform, name):
    folder = Folder()
    approve(platform, "r1")
    send(platform, folder)
    folder.acks = {"a.txt": BROKEN[name], "b.json": b'[{"order_ref": "r1", "state": "acknowledged"}]'}
    done = collect(platform, Channel("erp", folder))
    assert (done.files, done.lines, done.noted, done.refused, done.broken) == (2, 2, 1, 0, 1)
    (letter,) = platform.blobs.list("dead_letters/erp/")
    assert platform.blobs.get(letter) == BROKEN[name]


def test_any_bytes_are_acknowledgements_or_refused():
    luck = random.Random(5)
    for _ in range(300):
        data = bytes(luck.choice(b'[]{}",:orderftsa \n;17.\xff') for _ in range(luck.randrange(40)))
        try:
            assert read_acknowledgements("x", data)
        except BadInput:
            continue


# The webhook, over real HTTP


SECRET = "a shared secret of some length"


@pytest.fixture
def server():
    with loopback() as made:
        yield made


def hook(server: Loopback, platform: Platform) -> Webhook:
    return Webhook(http_client(), server.url + "/orders?key=x", SECRET, platform.clock.now)


def test_a_webhook_is_signed_and_what_it_answers_is_noted(server, platform):
    server.usual = lambda *_: Reply(200, b'{"lines": [{"order_ref": "r1", "state": "acknowledged", "qty": 9}]}')
    approve(platform, "r1")
    (done,) = send(platform, hook(server, platform), format="json")
    ((method, _, headers, body),) = server.asked
    assert (method, headers["idempotency-key"], headers["content-type"]) == (
        "POST",
        "orders-erp-00000001.json",
        "application/json",
    )
    now = int(NOW.timestamp())
    assert verify(SECRET, headers["shelfcast-signature"], body, now)
    assert not verify(SECRET, headers["shelfcast-signature"], body + b" ", now)
    assert not verify("another secret of some length", headers["shelfcast-signature"], body, now)
    assert not verify(SECRET, headers["shelfcast-signature"], body, now + 301)
    assert not verify(SECRET, "nonsense", body, now)
    assert (done.answered, states(platform)) == (1, {"r1": "acknowledged"})
    assert "key=x" not in done.where


@pytest.mark.parametrize("fault", [Reply(500), Reply(503), Reply(429), Reply(200, b"{", length=99)])
def test_a_webhook_that_fails_is_tried_again_with_the_same_bytes_and_key(server, platform, fault):
    server.replies = [fault, fault]
    server.usual = lambda *_: Reply(200, b"thanks")
    approve(platform, "r1")
    assert [one.state for one in send(platform, hook(server, platform))] == ["delivered"]
    assert (
        len({(headers["idempotency-key"], body) for _, _, headers, body in server.asked}) == 1
        and len(server.asked) == 3
    )


def test_a_refusal_is_told_and_a_short_secret_is_no_secret(server, platform):
    server.usual = lambda *_: Reply(401, b"who are you?")
    approve(platform, "r1")
    with pytest.raises(BadParameter, match="401 who are you"):
        send(platform, hook(server, platform))
    server.usual = lambda *_: Reply(302, b"", {"Location": "http://elsewhere/"})
    with pytest.raises(BadParameter, match="302"):
        send(platform, hook(server, platform))
    with pytest.raises(BadParameter, match="at least 16"):
        Webhook(http_client(), server.url, "short", platform.clock.now)


# The ERP that plays along


def test_the_fake_erp_acknowledges_delays_changes_and_rejects_always_the_same(platform):
    lines = [{"order_ref": f"r{n}", "state": "sent", "qty": 100.0, "delivery_date": "2026-03-12"} for n in range(2000)]
    said = answer(lines, date(2026, 3, 10))
    assert said == answer(lines[::-1], date(2026, 3, 10))[::-1]
    shares = {
        "rejected": sum(one.state == "rejected" for one in said), "changed": sum(one.qty is not None for one in said),
        "late": sum(one.delivery_date is not None for one in said),
    }  # fmt: skip
    assert all(
        0.5 < shares[name] / 2000 / share < 1.5
        for name, share in (("rejected", 0.04), ("changed", 0.08), ("late", 0.12))
    )
    assert read_acknowledgements("x.json", as_file(said))[0].order_ref == "r0"


def test_the_fake_erp_takes_an_order_to_the_shelf_and_its_rows_take_the_place_of_ours(platform):
    approve(platform, "r1", "r2")
    send(platform, Folder())
    calm = Temper(rejected=0.0, changed=0.0, delayed=0.0)
    assert play(platform, calm) == {"acknowledged": 2}
    rows = (
        current(platform.tables, OPEN_ORDERS)
        .select("order_ref", "qty_open", "state", "promised_date")
        .sort("order_ref")
        .collect()
        .rows()
    )
    assert rows == [("r1", 10.0, "firm", date(2026, 3, 12)), ("r2", 10.0, "firm", date(2026, 3, 12))]
    assert play(platform, calm) == {}
    platform.clock.advance(timedelta(days=1))
    assert play(platform, calm) == {"in_transit": 2}
    platform.clock.advance(timedelta(days=1))
    assert play(platform, calm) == {"received": 2}
    assert set(states(platform).values()) == {"received"}
