"""An empty lake on the emulator, made by hand: what the template makes, without the template."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tests.emulator import Emulator

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Places:
    """Names of its parts, and the environment a function gets."""

    number: int
    environment: dict[str, str]

    def bucket(self, role: str) -> str:
        return f"{role}-{self.number}"


def make_places(server: Emulator, **more: str) -> Places:
    number = next(_NUMBERS)
    for role in ("lake", "raw", "blobs", "exports"):
        server.client("s3").create_bucket(Bucket=f"{role}-{number}")
    make_records_table(server, f"records-{number}")
    return Places(
        number,
        {
            **server.environment,
            "SHELFCAST_WAREHOUSE": f"s3://lake-{number}/tables",
            "SHELFCAST_BLOBS": f"s3://blobs-{number}",
            "SHELFCAST_RAW": f"s3://raw-{number}",
            "SHELFCAST_EXPORTS": f"s3://exports-{number}",
            "SHELFCAST_DATABASE_PREFIX": f"lake{number}_",
            "SHELFCAST_RECORDS_TABLE": f"records-{number}",
            "SHELFCAST_DEPLOYMENT": f"shelfcast-{number}",
            **more,
        },
    )


def make_records_table(server: Emulator, name: str) -> None:
    keys = (("kind", "HASH"), ("record_id", "RANGE"))
    server.client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": role} for key, role in keys],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
    )  # fmt: skip


def make_machine(server: Emulator, name: str, states: str, start: str) -> str:
    """A state machine; its ARN."""
    role = "arn:aws:iam::000000000000:role/any"
    definition = f'{{"StartAt": "{start}", "States": {states}}}'
    return str(
        server.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    )  # fmt: skip
