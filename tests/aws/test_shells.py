"""Each shell run as its service runs it: the handler with the service's own event, the container as a process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shelfcast.domain.errors import BadParameter, NotFound, NotReady, SourceDown
from shelfcast.domain.tables import curated
from shelfcast.entrypoints import aws_lake
from shelfcast.entrypoints.lambdas import arrival, connect, events, jobs, step
from shelfcast.pipeline import job_kinds, queue_jobs
from tests.aws.places import Places, make_machine
from tests.emulator import Emulator

SALES = "date,item_id,location_id,units\n2026-01-05,apple,north,3\n2026-01-06,apple,north,4\n2026-01-06,pear,north,-x\n"
ITEMS = "item_id,name,category\napple,Apple,Fruit\npear,Pear,Fruit\n"


class Clock:
    """A function's context."""

    def __init__(self, left_ms: int = 300_000) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


def drop(server: Emulator, lake: Places, key: str, body: str = "") -> None:
    server.client("s3").put_object(Bucket=lake.bucket("raw"), Key=key, Body=body.encode())


def created(key: str, etag: str = "e1", sequencer: str = "01") -> dict[str, Any]:
    """EventBridge's event."""
    about = {"key": key, "size": 10, "etag": etag, "version-id": "v1", "sequencer": sequencer}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "raw"}, "object": about}}


# -- step -------------------------------------------------------------------------------------------------------------


def test_a_delivery_is_loaded_and_its_numbers_are_told(
    server: Emulator, lake: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(server, lake, "incoming/monday/sales.csv", SALES)
    drop(server, lake, "incoming/monday/items.csv", ITEMS)
    drop(server, lake, "incoming/monday/_SUCCESS")
    asked = {"step": "ingest", "parameters": {}, "delivery": "incoming/monday/", "execution": "x"}
    answer = step.handler(asked, Clock())
    assert answer["rows"] == {"files": 2, "in": 5, "kept": 4, "quarantined": 1, "events": 0, "events_dead": 0}
    assert answer["parameters"]["cutoff"] == "2026-01-06"
    json.dumps(answer)
    assert aws_lake.platform().tables.state(curated.SALES).rows == 2
    raw = server.client("s3").list_objects_v2(Bucket=lake.bucket("raw"), Prefix="raw/")["Contents"]
    assert len(raw) == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    assert {"RowsIn": 5.0, "RowsQuarantined": 1.0}.items() <= {**told[0], **told[1]}.items()
    assert told[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Deployment"]]
    again = step.handler(asked, Clock())
    assert again["rows"]["kept"] == 4 and aws_lake.platform().tables.state(curated.SALES).rows == 2


def test_a_step_that_cannot_run_raises_an_error_named_for_the_state_machine(lake: Places) -> None:
    with pytest.raises(BadParameter, match=r"step 'paint' is unknown; known: .*ingest.*"):
        step.handler({"step": "paint"}, Clock())
    with pytest.raises(BadParameter, match="horizont"):
        step.handler({"step": "quality", "parameters": {"horizont": 3}}, Clock())
    with pytest.raises(NotReady, match="no sales"):
        step.handler({"step": "quality"}, Clock())
    with pytest.raises(NotFound, match="incoming/none/"):
        step.handler({"step": "ingest", "delivery": "incoming/none/"}, Clock())


def test_the_quality_step_and_an_export_run_on_a_tiny_lake(server: Emulator, lake: Places) -> None:
    drop(server, lake, "incoming/sales.csv", SALES)
    first = step.handler({"step": "ingest", "delivery": "incoming/sales.csv"}, Clock())
    done = step.handler({"step": "quality", "parameters": first["parameters"]}, Clock())
    assert done["state"] == "done" and done["run_id"].startswith("quality-")
    again = step.handler({"step": "quality", "parameters": done["parameters"]}, Clock())
    assert again["state"] == "unchanged" and again["run_id"] == done["run_id"]
    made = step.handler({"step": "export", "parameters": done["parameters"], "what": "sales"}, Clock())
    assert made["summary"]["files"] == ["exports/2026-01-06/sales.csv", "exports/2026-01-06/sales.parquet"]
    body = server.client("s3").get_object(Bucket=lake.bucket("exports"), Key=made["summary"]["files"][0])["Body"].read()
    assert body.count(b"\n") == 3


# -- arrival ----------------------------------------------------------------------------------------------------------


def test_a_file_by_itself_starts_one_cycle_however_often_its_event_comes(server: Emulator, lake: Places) -> None:
    first = arrival.handler(created("incoming/sales.csv"), None)["arrivals"][0]
    again = arrival.handler(created("incoming/sales.csv"), None)["arrivals"][0]
    newer = arrival.handler(created("incoming/sales.csv", "e2", "02"), None)["arrivals"][0]
    assert first["execution"] == again["execution"] != newer["execution"]
    run = server.client("stepfunctions").describe_execution(executionArn=first["execution"])
    assert json.loads(run["input"]) == {"delivery": "incoming/sales.csv"}
    assert len(aws_lake.platform().records.query("arrivals")) == 2


def test_a_folder_starts_its_cycle_when_its_mark_comes(lake: Places) -> None:
    part = arrival.handler(created("incoming/monday/sales.csv"), None)["arrivals"][0]
    assert part["execution"] == "" and part["why"].endswith("incoming/monday/_SUCCESS comes")
    whole = arrival.handler(created("incoming/monday/_SUCCESS"), None)["arrivals"][0]
    assert whole["delivery"] == "incoming/monday/" and whole["execution"]
    other = arrival.handler(created("raw/ab/abc.csv"), None)["arrivals"][0]
    assert other["execution"] == ""


def test_a_bucket_notification_is_understood_too(lake: Places) -> None:
    record = {"s3": {"object": {"key": "incoming/new+sales%3D1.csv", "size": 1, "eTag": "e", "sequencer": "1"}}}
    assert arrival.handler({"Records": [record]}, None)["arrivals"][0]["delivery"] == "incoming/new sales=1.csv"


def test_an_arrival_that_cannot_start_its_cycle_says_so_and_keeps_it(
    lake: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = "arn:aws:states:us-east-1:000000000000:stateMachine:gone"
    monkeypatch.setenv("SHELFCAST_CYCLE_MACHINE", gone)
    with pytest.raises(SourceDown, match="gone"):
        arrival.handler(created("incoming/sales.csv"), None)
    assert "gone" in aws_lake.platform().records.query("arrivals")[0].body["error"]


# -- events -----------------------------------------------------------------------------------------------------------


def kinesis(*data: Any, shard: str = "shardId-000000000001", start: int = 1) -> dict[str, Any]:
    """An event-source mapping's batch."""
    return {
        "Records": [
            {
                "eventID": f"{shard}:{4959 + number}",
                "kinesis": {
                    "sequenceNumber": str(4959 + number),
                    "partitionKey": "k",
                    "data": base64.b64encode(one if isinstance(one, bytes) else json.dumps(one).encode()).decode(),
                    "approximateArrivalTimestamp": 1767690000.5,
                },
            }
            for number, one in enumerate(data, start)
        ]
    }


def sale(event_id: str, units: float = 1.0, at: str = "2026-01-06T09:00:00Z") -> dict[str, Any]:
    return {"event_id": event_id, "occurred_at": at, "item_id": "apple", "location_id": "north", "units": units}


def test_till_events_come_out_exactly_once_and_poison_does_not_stop_them(server: Emulator, lake: Places) -> None:
    drop(server, lake, "incoming/sales.csv", SALES)
    step.handler({"step": "ingest", "delivery": "incoming/sales.csv"}, Clock())
    batch = kinesis(sale("b"), [sale("a", 2), sale("b")], b"\xff poison", {"event_id": "c"})
    assert events.handler(batch, None) == {"batchItemFailures": []}
    assert events.handler(batch, None) == {"batchItemFailures": []}
    assert events.handler(kinesis(sale("a", 2), sale("d"), shard="shardId-2"), None) == {"batchItemFailures": []}
    stored = server.client("s3").list_objects_v2(Bucket=lake.bucket("raw"), Prefix="raw/events/")["Contents"]
    assert len(stored) == 2
    answer = step.handler({"step": "ingest"}, Clock())
    assert answer["rows"]["events"] == 5
    kept = aws_lake.platform().tables.scan(curated.POS_EVENTS).select("event_id", "units").collect()
    assert sorted(kept.rows()) == [("a", 2.0), ("b", 1.0), ("d", 1.0)]
    letters = server.client("s3").list_objects_v2(Bucket=lake.bucket("raw"), Prefix="dead_letters/")["Contents"]
    assert len(letters) == 1


def test_a_batch_that_cannot_be_written_is_named_for_another_delivery(server: Emulator, lake: Places) -> None:
    server.client("s3").delete_bucket(Bucket=lake.bucket("raw"))
    answer = events.handler(kinesis(sale("a"), sale("b")), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "4960"}]}


# -- jobs, connectors -------------------------------------------------------------------------------------------------


def test_queued_jobs_are_worked_until_none_waits(server: Emulator, lake: Places) -> None:
    drop(server, lake, "incoming/sales.csv", SALES)
    step.handler({"step": "ingest", "delivery": "incoming/sales.csv"}, Clock())
    platform = aws_lake.platform()
    good = job_kinds.start(platform, "export", {"what": "sales"}, "ann")
    bad = job_kinds.start(platform, "export", {"what": "forecasts"}, "ann")
    assert jobs.handler({}, Clock(left_ms=1)) == {"done": 1, "waiting": 1}
    assert jobs.handler({}, Clock())["done"] == 1
    assert queue_jobs.get(platform, good.job_id).state == "done"
    assert platform.blobs.get(queue_jobs.get(platform, good.job_id).result["blob"]).startswith(b"item_id,location_id")
    assert "Run the cycle first" in queue_jobs.get(platform, bad.job_id).error
    assert jobs.handler({}, Clock()) == {"done": 0, "waiting": 0}


def test_festivals_are_loaded_by_a_schedule(server: Emulator, lake: Places) -> None:
    drop(server, lake, "incoming/sales.csv", SALES)
    step.handler({"step": "ingest", "delivery": "incoming/sales.csv"}, Clock())
    answer = connect.handler({"connector": "festivals", "countries": ["DE"]}, None)
    assert answer["state"] == "ok" and answer["inserted"] > 9
    with pytest.raises(BadParameter, match="connector"):
        connect.handler({"connector": "horoscope"}, None)


# -- the API ----------------------------------------------------------------------------------------------------------


def request(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """An HTTP API's event, payload 2.0."""
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "isBase64Encoded": False,
        "headers": {"host": "api.example", "content-type": "application/json", **headers},
        "body": json.dumps(body) if body is not None else None,
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "test"},
            "stage": "$default", "requestId": "1", "domainName": "api.example",
        },
    }  # fmt: skip


@pytest.fixture
def loop() -> Iterator[None]:
    """Mangum makes an event loop where there is none and leaves it to the process: here the test closes it."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


@pytest.mark.usefixtures("loop")
def test_the_api_answers_through_the_gateway(server: Emulator, lake: Places) -> None:
    pytest.importorskip("mangum")
    from shelfcast.domain.access import Role
    from shelfcast.entrypoints.lambdas import api
    from shelfcast.pipeline import issue_tokens, manage_users

    assert api.handler(request("GET", "/healthz"), None)["statusCode"] == 200
    assert json.loads(api.handler(request("GET", "/config.json"), None)["body"])["sign_in"] == "local"
    assert api.handler(request("GET", "/v1/tables"), None)["statusCode"] == 401
    assert api.handler(request("GET", "/metrics"), None)["statusCode"] == 401
    platform = aws_lake.platform()
    who = manage_users.create_user(platform.records, platform.clock, "ann", "a long enough one", Role.ADMIN)
    token = f"Bearer {issue_tokens.issue(platform.records, platform.clock, who).access_token}"
    assert api.handler(request("GET", "/v1/tables", authorization=token), None)["statusCode"] == 200
    body = {"kind": "export", "parameters": {"what": "sales"}}
    queued = api.handler(request("POST", "/v1/jobs", body, authorization=token), None)
    assert queued["statusCode"] in (200, 201, 202), queued
    machine = os.environ["SHELFCAST_JOBS_MACHINE"]
    started = server.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert any(one["name"].startswith("wake-") for one in started)


# -- Glue, Fargate ----------------------------------------------------------------------------------------------------


def test_a_glue_job_runs_a_step_from_its_arguments(server: Emulator, lake: Places) -> None:
    drop(server, lake, "incoming/sales.csv", SALES)
    ours = {name: value for name, value in lake.environment.items() if name.startswith("SHELFCAST_")}
    settings = [part for name, value in ours.items() for part in (f"--{name}", value)]
    theirs = ["--JOB_NAME", "features", "--TempDir=s3://x/y", "--enable-metrics"]
    command = [sys.executable, "-m", "shelfcast.entrypoints.glue.step"]
    asked = ["--step", "ingest", "--parameters", "{}", "--delivery=incoming/sales.csv"]
    done = subprocess.run(
        [*command, *theirs, *settings, *asked], env={**os.environ, **server.environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["rows"]["kept"] == 2
    # As some runners do it: every argument an environment variable, the command line empty.
    environment = {**os.environ, **lake.environment, "step": "quality", "parameters": '{"cutoff": "2026-01-06"}'}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["step"] == "quality"


def test_a_container_answers_the_state_machine_that_waits_for_it(server: Emulator, lake: Places) -> None:
    queue = server.client("sqs").create_queue(QueueName=f"tasks-{lake.number}")["QueueUrl"]
    task = {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True,
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
    }  # fmt: skip
    machine = make_machine(server, f"wait-{lake.number}", json.dumps({"Wait": task}), "Wait")
    drop(server, lake, "incoming/sales.csv", SALES)

    def run(call: dict[str, Any]) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
        states = server.client("stepfunctions")
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        message = server.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
        token = json.loads(message["Body"])["token"]
        server.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        done = subprocess.run(
            [sys.executable, "-m", "shelfcast.entrypoints.lambdas", "step", json.dumps(call)],
            env={**os.environ, "SHELFCAST_TASK_TOKEN": token}, capture_output=True, text=True,
        )  # fmt: skip
        for _ in range(200):
            found: dict[str, Any] = states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                break
            time.sleep(0.05)
        return found, done

    found, done = run({"step": "ingest", "delivery": "incoming/sales.csv"})
    assert done.returncode == 0, done.stderr
    assert found["status"] == "SUCCEEDED" and json.loads(found["output"])["rows"]["kept"] == 2
    found, done = run({"step": "ingest", "delivery": "incoming/none.csv"})
    assert done.returncode == 1
    assert found["status"] == "FAILED" and found["error"] == "NotFound" and "none.csv" in found["cause"]
