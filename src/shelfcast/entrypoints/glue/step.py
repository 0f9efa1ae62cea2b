"""A step as a Glue job: `--step features --parameters '{"cutoff": "2026-11-23"}'`, settings as `--SHELFCAST_...`.

Glue gives arguments on the command line; some runners give them as environment variables, which count where the command
line is silent. What Glue adds of its own (`--JOB_NAME`, `--TempDir`...) is passed over.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

PREFIX = "SHELFCAST_"
REGION = "SHELFCAST_AWS_REGION"
"""Glue says nowhere in which region it runs."""
ASKED = ("step", "parameters", "delivery", "what")


def asked_of(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """(the step's call, settings for the environment).

    >>> asked_of(["--step", "train", "--SHELFCAST_HORIZON=14"], {})
    ({'step': 'train'}, {'SHELFCAST_HORIZON': '14'})
    """
    given: dict[str, str] = {}
    waiting = ""
    for one in arguments:
        if one.startswith("--"):
            name, equals, value = one[2:].partition("=")
            given[name] = value
            waiting = "" if equals else name
        elif waiting:
            given[waiting] = one
            waiting = ""
    found: dict[str, Any] = {
        name: given.get(name) or environ[name] for name in ASKED if given.get(name) or environ.get(name)
    }
    if "parameters" in found:
        found["parameters"] = json.loads(found["parameters"])
    return found, {name: value for name, value in given.items() if name.startswith(PREFIX)}


def main(arguments: Sequence[str]) -> None:
    asked, settings = asked_of(arguments, os.environ)
    if region := settings.pop(REGION, ""):
        os.environ.setdefault("AWS_REGION", region)
    os.environ.update(settings)
    from shelfcast.entrypoints.aws_lake import run_step

    print(json.dumps(run_step(asked)))


if __name__ == "__main__":
    main(sys.argv[1:])
