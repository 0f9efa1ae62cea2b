"""What went wrong at a border last, kept until it goes well again: a load that stopped, a database that did not answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shelfcast.domain.errors import BadInput, SourceDown
from shelfcast.ports.platform import Platform

KIND = "border_troubles"


@dataclass(frozen=True)
class Trouble:
    """`since`: when it went wrong first without having gone well since."""

    border: str
    source: str
    error: str
    since: str


@contextmanager
def watched(platform: Platform, border: str, source: str) -> Iterator[None]:
    """Note what the block fails with, and forget what was noted when it ends well."""
    try:
        yield
    except (BadInput, SourceDown) as error:
        note(platform, border, source, str(error))
        raise
    forget(platform, border, source)


def note(platform: Platform, border: str, source: str, error: str) -> None:
    key, now = _key(border, source), platform.clock.now().isoformat()
    earlier = platform.records.query(KIND, prefix=key)
    since = earlier[0].body["since"] if earlier else now
    platform.records.put(KIND, key, {"border": border, "source": source, "error": error[:1000], "since": since})


def forget(platform: Platform, border: str, source: str) -> None:
    key = _key(border, source)
    if platform.records.query(KIND, prefix=key):
        platform.records.delete(KIND, key)


def troubles(platform: Platform) -> list[Trouble]:
    """Everything that went wrong and has not gone well since, the longest first."""
    found = [Trouble(**one.body) for one in platform.records.query(KIND)]
    return sorted(found, key=lambda one: (one.since, one.border, one.source))


def _key(border: str, source: str) -> str:
    return hashlib.sha256(f"{border}\n{source}".encode()).hexdigest()[:24]
