"""Schedules as a commented TOML file, for people who keep them beside their other settings."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Any

from shelfcast.domain.errors import BadFile
from shelfcast.pipeline.recurrence import HELP
from shelfcast.pipeline.schedule_jobs import Schedule, read

HEAD = f"""\
# What runs when. Edit, then: shelfcast schedule load FILE
# when: {HELP}
# time_zone: whose clock that means. skip_holidays: country or region (DE, DE-BY) whose public holidays are left out.
# catch_up_hours: after downtime the newest time still runs if it is no older. jitter_seconds: start up to so much later.
"""


def as_toml(schedules: Sequence[Schedule]) -> str:
    """Schedules as text; `from_toml` reads the same schedules from it."""
    parts = [HEAD]
    for one in schedules:
        lines = [f"\n[{one.name}]"]
        values = one.model_dump(exclude={"name", "parameters"})
        lines += [f"{name} = {_value(value)}" for name, value in values.items()]
        if one.parameters:
            shown = ", ".join(f"{_key(name)} = {_value(value)}" for name, value in one.parameters.items())
            lines.append(f"parameters = {{ {shown} }}")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def from_toml(text: str) -> list[Schedule]:
    """
    Raises:
        BadFile: no TOML, or something beside schedules in it.
        BadParameter: a schedule that can't be used; names it.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFile(
            f"schedules can't be read as TOML: {error}. See `shelfcast schedule show` for the form."
        ) from error
    for name, values in found.items():
        if not isinstance(values, dict):
            raise BadFile(f"{name!r} stands outside a schedule. Every schedule begins with its name: [daily-cycle].")
    return [read({**values, "name": name}) for name, values in found.items()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(name)} = {_value(one)}' for name, one in value.items())} }}"
    # A JSON string is a TOML string, but for DEL, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else str(value)


def _key(name: str) -> str:
    return json.dumps(name)
