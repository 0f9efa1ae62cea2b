"""One at a time: work on a thing that must not be done twice at once, across threads, processes and machines.

Who works holds a record that runs out by itself: a worker that was killed holds up nobody for long, and on its own machine
nobody at all, since a process that is gone is seen to be gone.
"""

from __future__ import annotations

import os
import platform as machine
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from shelfcast.domain.errors import Conflict, NotFound, ShelfcastError
from shelfcast.ports.platform import Platform

KIND = "leases"
LASTS = timedelta(seconds=60)
"""Without a sign of life a lease is over after so long; its holder renews it three times as often."""


class Busy(Conflict):
    """Somebody else works on it right now."""


@contextmanager
def lease(platform: Platform, name: str) -> Iterator[None]:
    """Hold `name` for the time of the block.

    Raises:
        Busy: somebody else holds it; nothing was done.
    """
    me = {"host": machine.node(), "pid": os.getpid(), "thread": threading.get_ident()}
    _take(platform, name, me)
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(platform, name, me, over), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        with suppress(NotFound):
            if _is(platform.records.get(KIND, name).body, me):
                platform.records.delete(KIND, name)


def _take(platform: Platform, name: str, me: dict[str, Any]) -> None:
    while True:
        now = platform.clock.now()
        body = me | {"since": now.isoformat(), "until": (now + LASTS).isoformat()}
        with suppress(Conflict):
            platform.records.put(KIND, name, body, expected=0)
            return
        try:
            held = platform.records.get(KIND, name)
        except NotFound:
            continue
        holder = held.body
        if not (_is(holder, me) or datetime.fromisoformat(holder["until"]) <= now or _gone(holder, me)):
            raise Busy(
                f"{name} is being worked on already, by process {holder['pid']} on {holder['host']} since "
                f"{holder['since'][:19].replace('T', ' ')} UTC. Nothing was done; run it again when that is done."
            )
        with suppress(Conflict):
            platform.records.put(KIND, name, body, expected=held.version)
            return


def _renew(platform: Platform, name: str, me: dict[str, Any], over: threading.Event) -> None:
    while not over.wait(LASTS.total_seconds() / 3):
        with suppress(ShelfcastError):
            held = platform.records.get(KIND, name)
            if not _is(held.body, me):
                return
            until = (platform.clock.now() + LASTS).isoformat()
            platform.records.put(KIND, name, dict(held.body) | {"until": until}, expected=held.version)


def _is(holder: Any, me: dict[str, Any]) -> bool:
    return all(holder.get(name) == value for name, value in me.items())


def _gone(holder: Any, me: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that runs no more."""
    if holder["host"] != me["host"] or holder["pid"] == me["pid"]:
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
