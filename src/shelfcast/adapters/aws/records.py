"""Records in one DynamoDB table: partition key `kind`, sort key `record_id`.

Every put is one conditional UpdateItem, so versions never skip and a compare-and-swap is DynamoDB's own. Reads are
strongly consistent. DynamoDB holds 400 KB an item: longer bodies are kept compressed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from shelfcast.adapters.aws import session
from shelfcast.adapters.record_bodies import encode, matches
from shelfcast.domain.errors import BadInput, Conflict, NotFound
from shelfcast.ports.record_store import Record

COMPRESS_BYTES = 64 * 1024
MOST_BYTES = 380 * 1024
FILTERED = ("state", "cutoff", "pull_id")
"""Text fields long histories are asked by: they stand beside the body, so that DynamoDB filters and sends less."""


class DynamoRecords:
    """`RecordStore` on DynamoDB.

    Args:
        table: its name; keys `kind` and `record_id`, both text.
    """

    def __init__(self, table: str) -> None:
        self.table = table

    def put(self, kind: str, record_id: str, body: Mapping[str, Any], *, expected: int | None = None) -> Record:
        text = encode(kind, record_id, body)
        sets = ["version = if_not_exists(version, :zero) + :one", "body = :body"]
        removes = []
        values: dict[str, Any] = {":zero": {"N": "0"}, ":one": {"N": "1"}, ":body": _packed(kind, record_id, text)}
        for name in FILTERED:
            if isinstance(value := body.get(name), str) and value:
                sets.append(f"f_{name} = :{name}")
                values[f":{name}"] = {"S": value}
            else:
                removes.append(f"f_{name}")
        asked: dict[str, Any] = {
            "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
            "ReturnValues": "UPDATED_NEW",
        }
        if expected == 0:
            asked["ConditionExpression"] = "attribute_not_exists(version)"
        elif expected is not None:
            asked["ConditionExpression"] = "version = :expected"
            values[":expected"] = {"N": str(expected)}
        try:
            answer = self._client.update_item(
                TableName=self.table, Key=_key(kind, record_id), ExpressionAttributeValues=values, **asked
            )
        except Exception as error:
            if session.error_code(error) == "ConditionalCheckFailedException":
                raise Conflict(
                    f"record {kind}/{record_id} is at version {self._version(kind, record_id)}, not {expected}. Read it "
                    "again and retry."
                ) from error
            raise self._down(error) from error
        return Record(kind, record_id, int(answer["Attributes"]["version"]["N"]), json.loads(text))

    def get(self, kind: str, record_id: str) -> Record:
        try:
            answer = self._client.get_item(TableName=self.table, Key=_key(kind, record_id), ConsistentRead=True)
        except Exception as error:
            raise self._down(error) from error
        if "Item" not in answer:
            raise NotFound(f"there is no record {kind}/{record_id}.")
        return _record(answer["Item"])

    def query(self, kind: str, *, where: Mapping[str, Any] | None = None, prefix: str = "") -> list[Record]:
        """See the port. DynamoDB narrows by kind, prefix and the fields of `FILTERED`; the rest is compared here.

        A field that isn't the key costs reading every record of the kind: capacity, though not the network.
        """
        condition = "kind = :kind"
        values = {":kind": {"S": kind}}
        if prefix:
            condition += " AND begins_with(record_id, :prefix)"
            values[":prefix"] = {"S": prefix}
        filters = []
        for name in FILTERED:
            if isinstance(value := (where or {}).get(name), str) and value:
                filters.append(f"f_{name} = :{name}")
                values[f":{name}"] = {"S": value}
        asked: dict[str, Any] = {"FilterExpression": " AND ".join(filters)} if filters else {}
        records: list[Record] = []
        try:
            pages = self._client.get_paginator("query").paginate(
                TableName=self.table, KeyConditionExpression=condition, ExpressionAttributeValues=values,
                ConsistentRead=True, **asked,
            )  # fmt: skip
            for page in pages:
                records.extend(_record(item) for item in page["Items"])
        except Exception as error:
            raise self._down(error) from error
        return [record for record in records if matches(record.body, where)]

    def delete(self, kind: str, record_id: str) -> None:
        try:
            self._client.delete_item(TableName=self.table, Key=_key(kind, record_id))
        except Exception as error:
            raise self._down(error) from error

    @property
    def _client(self) -> Any:
        return session.client("dynamodb")

    def _version(self, kind: str, record_id: str) -> int:
        try:
            return self.get(kind, record_id).version
        except NotFound:
            return 0

    def _down(self, error: Exception) -> Exception:
        return session.down(f"DynamoDB table {self.table}", error)


def _key(kind: str, record_id: str) -> dict[str, Any]:
    return {"kind": {"S": kind}, "record_id": {"S": record_id}}


def _packed(kind: str, record_id: str, text: str) -> dict[str, Any]:
    data = text.encode()
    if len(data) <= COMPRESS_BYTES:
        return {"S": text}
    small = zlib.compress(data, 6)
    if len(small) > MOST_BYTES:
        raise BadInput(
            f"record {kind}/{record_id} has {len(data):,} bytes, {len(small):,} compressed; DynamoDB holds {MOST_BYTES:,}. "
            "Keep what is large as a blob and its key in the record."
        )
    return {"B": small}


def _record(item: Mapping[str, Any]) -> Record:
    body = item["body"]
    text = body["S"] if "S" in body else zlib.decompress(body["B"]).decode()
    return Record(item["kind"]["S"], item["record_id"]["S"], int(item["version"]["N"]), json.loads(text))
