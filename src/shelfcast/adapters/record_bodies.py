"""Bodies of records: JSON objects, the same rules in every adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shelfcast.domain.errors import BadInput


def encode(kind: str, record_id: str, body: Mapping[str, Any]) -> str:
    """The body as JSON text.

    Raises:
        BadInput: it holds something JSON has no word for (a date, NaN, bytes).
    """
    try:
        return json.dumps(dict(body), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"record {kind}/{record_id} can't be stored as JSON: {error}. Allowed are text, finite numbers, true, false, "
            "null, lists and objects; write dates as ISO text."
        ) from error


def matches(body: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """True if every named top-level field is there and equal; 1 and true are different."""
    return all(
        name in body and body[name] == value and isinstance(body[name], bool) == isinstance(value, bool)
        for name, value in (where or {}).items()
    )
