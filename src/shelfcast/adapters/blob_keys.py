"""What a blob's key may look like: the same on a disk and in S3."""

from __future__ import annotations

import re

from shelfcast.domain.errors import BadParameter

_PART = re.compile(r"[A-Za-z0-9_.=+@ -]{1,200}")


def check_key(key: str) -> str:
    """The key, if it can be one: parts of letters, digits and `_ . = + @ -` or space, joined by `/`.

    >>> check_key("raw/2026/sales.csv")
    'raw/2026/sales.csv'

    Raises:
        BadParameter: it can't.
    """
    parts = key.split("/")
    if len(key) > 900 or any(not _PART.fullmatch(part) or set(part) <= {"."} for part in parts):
        raise BadParameter(
            f"blob key {key!r} can't be used: a key is parts joined by '/', each of letters, digits, "
            "'_', '.', '=', '+', '@', '-' or space, not '.' or '..' alone, 200 characters at most."
        )
    return key
