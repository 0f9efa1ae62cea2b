"""What the functions do beside one step: a database's changes, schedules, telling people."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shelfcast.adapters.memory import FixedClock
from shelfcast.domain.errors import BadInput
from shelfcast.domain.findings import Finding
from shelfcast.domain.tables import curated
from shelfcast.entrypoints import aws_lake
from shelfcast.entrypoints.lambdas import jobs, step
from shelfcast.pipeline import border_troubles, queue_jobs, raise_alerts, schedule_jobs
from tests.aws.places import Places
from tests.emulator import Emulator

SALES = "date,item_id,location_id,units\n2026-01-05,apple,north,3\n2026-01-06,apple,north,4\n"
CHANGES = {"step": "ingest", "delivery": "incoming/dms/"}


class Clock:
    """A function's context."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def drop(server: Emulator, lake: Places, key: str, body: str) -> None:
    server.client("s3").put_object(Bucket=lake.bucket("raw"), Key=key, Body=body.encode())


@pytest.fixture
def with_sales(server: Emulator, lake: Places) -> Places:
    drop(server, lake, "incoming/sales.csv", SALES)
    step.handler({"step": "ingest", "delivery": "incoming/sales.csv"}, Clock())
    return lake


def test_a_databases_changes_are_taken_in_from_where_dms_writes_them(server: Emulator, with_sales: Places) -> None:
    assert step.handler(CHANGES, Clock())["rows"]["files"] == 0, "no change files yet"
    strange = "incoming/dms/shop/strange/LOAD00000001.csv"
    drop(server, with_sales, strange, "Op,a,b\nI,1,2\n")
    with pytest.raises(BadInput, match="strange"):
        step.handler(CHANGES, Clock())
    folder = "incoming/dms/shop/items/"
    drop(server, with_sales, f"{folder}LOAD00000001.csv", "Op,item_id,name\nI,apple,Apple\nI,pear,Pear\n")
    drop(server, with_sales, f"{folder}20260310-060000123.csv", "Op,item_id,name\nU,apple,Big apple\nD,pear,\n")
    rows = step.handler(CHANGES, Clock())["rows"]
    assert (rows["files"], rows["in"]) == (2, 4)
    platform = aws_lake.platform()
    assert platform.tables.scan(curated.ITEMS).select("item_id", "name").collect().rows() == [("apple", "Big apple")]
    told = [str(one) for one in border_troubles.troubles(platform)]
    assert any("strange" in one for one in told), "a table that can't be taken in is told of and stops no other"
    assert step.handler(CHANGES, Clock())["rows"]["files"] == 0, "the same files again change nothing"


def test_the_worker_tells_people_by_the_topic(server: Emulator, lake: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = server.client("sns").create_topic(Name=f"told-{lake.number}")["TopicArn"]
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName=f"told-{lake.number}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    monkeypatch.setenv("SHELFCAST_TOPIC", topic)
    aws_lake.platform.cache_clear()
    grave = Finding("forecast.wape", "all", "critical", "Forecasts miss by half.", "Look at the sales.", "/models")
    platform = aws_lake.platform()
    an_hour_ago = FixedClock(platform.clock.now() - timedelta(hours=1))
    raise_alerts.report(replace(platform, clock=an_hour_ago), [grave], causes=[])
    assert jobs.handler({}, Clock()) == {"done": 0, "waiting": 0}
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert "Forecasts miss by half." in json.loads(message["Body"])["Message"]


def test_the_worker_starts_what_people_scheduled_and_logs_what_it_does(
    capsys: pytest.CaptureFixture[str], with_sales: Places
) -> None:
    aws_lake.platform.cache_clear()  # a new process: its log goes where the test reads it
    platform = aws_lake.platform()
    yesterday = replace(platform, clock=FixedClock(platform.clock.now() - timedelta(days=1)))
    values = {"kind": "export", "when": "every 15 minutes", "parameters": {"what": "sales"}, "enabled": True}
    schedule_jobs.put(yesterday, "ann", "sales", values)
    assert jobs.handler({}, Clock())["done"] == 1
    (job,) = queue_jobs.newest(platform, 10)[0]
    assert (job.kind, job.state, job.schedule) == ("export", "done", "sales")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    ended = next(one for one in told if one["event"] == "job done")
    assert (ended["job_id"], ended["kind"], ended["schedule"], ended["level"]) == (
        job.job_id,
        "export",
        "sales",
        "info",
    )
