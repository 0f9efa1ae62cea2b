"""Every error Shelfcast raises on purpose, in one tree.

ShelfcastError
 ├─ BadInput                  what came from outside can't be used; nothing was written (CLI exit 2, HTTP 4xx)
 │   ├─ BadFile               a file can't be read as what it claims to be
 │   ├─ BadMapping            columns can't be matched to a table
 │   ├─ BadParameter          an option or setting has a value that isn't allowed
 │   └─ TooManyBadRows        more of the input is broken than the limit lets through
 ├─ NotFound                  a key, table, run, snapshot or series that isn't there
 ├─ Conflict                  somebody else wrote first; reload and try again
 ├─ NotReady                  a step needs a result that hasn't been made yet
 ├─ MissingExtra              an optional package isn't installed; the message holds the command that installs it
 └─ SourceDown                an outside source doesn't answer (retry is sensible)

Every message says what came, what is allowed, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class ShelfcastError(Exception):
    """Base of every error we raise on purpose."""


class BadInput(ShelfcastError):
    """What came from outside can't be used."""


class BadFile(BadInput):
    """A file can't be read as what it claims to be."""


class BadMapping(BadInput):
    """Columns can't be matched to a table."""


class BadParameter(BadInput):
    """An option or setting has a value that isn't allowed."""

    @classmethod
    def unknown(cls, what: str, value: object, known: Iterable[object], cure: str = "") -> BadParameter:
        """`policy 'x' is unknown; known: a, b. <cure>`"""
        names = ", ".join(str(name) for name in sorted(known, key=str))
        return cls(f"{what} {value!r} is unknown; known: {names}.{' ' + cure if cure else ''}")


class TooManyBadRows(BadInput):
    """More of the input is broken than the limit lets through."""


class NotFound(ShelfcastError):
    """A key, table, run, snapshot or series that isn't there."""


class Conflict(ShelfcastError):
    """Somebody else wrote first; reload and try again."""


class NotReady(ShelfcastError):
    """A step needs a result that hasn't been made yet."""


class MissingExtra(ShelfcastError):
    """An optional package isn't installed."""


class SourceDown(ShelfcastError):
    """An outside source doesn't answer; a retry is sensible."""
