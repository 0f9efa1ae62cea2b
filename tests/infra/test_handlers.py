"""What the templates start is there: handlers, commands, scripts, settings."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import cloudformation as cf
import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = cf.resources("AWS::Lambda::Function")


def handlers(function: cf.Resource) -> set[str]:
    image = function.properties["ImageConfig"]["Fn::If"][1]["Command"]
    packed = function.properties["Handler"]["Fn::If"][2]
    return {*image, packed}


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_a_handler_imports_and_takes_an_event_and_a_context(function: cf.Resource) -> None:
    (path,) = handlers(function)
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert len(inspect.signature(found).parameters) == 2


def test_every_handler_is_in_a_template() -> None:
    folder = ROOT / "src" / "shelfcast" / "entrypoints" / "lambdas"
    written = {path.stem for path in folder.glob("[a-z]*.py")}
    used = {path.split(".")[-2] for one in FUNCTIONS for path in handlers(one)}
    assert used == written


def test_modules_started_by_containers_are_there() -> None:
    text = "".join(
        path.read_text() for path in [*cf.template_paths(), *cf.INFRA.rglob("*.json"), *cf.INFRA.rglob("*.sh")]
    )
    modules = set(re.findall(r"shelfcast\.entrypoints\.[a-z_.]+", text)) - {p for f in FUNCTIONS for p in handlers(f)}
    for module in modules:
        assert importlib.util.find_spec(module.rstrip(".")) is not None, module


def test_the_glue_script_is_there() -> None:
    assert (ROOT / "src" / "shelfcast" / "entrypoints" / "glue" / "step.py").is_file()


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_functions_get_settings_the_code_knows(function: cf.Resource) -> None:
    from shelfcast import settings

    known = {
        f"SHELFCAST_{name.upper()}" for kind in (settings.Settings, settings.AwsPlaces) for name in kind.model_fields
    }
    given = {name for name in function.properties["Environment"]["Variables"] if name.startswith("SHELFCAST_")}
    assert given - known - {"SHELFCAST_STORE"} == set()
