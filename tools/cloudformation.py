"""Read CloudFormation templates as plain data: `!Sub x` becomes {"Fn::Sub": x}, as CloudFormation itself reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).resolve().parents[1] / "infra"


class _Loader(yaml.SafeLoader):
    """Knows CloudFormation's short forms, and refuses a key given twice."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"{node.start_mark}: given twice: {', '.join(map(str, twice))}")
    return dict(loader.construct_mapping(node, deep=True))


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@dataclass(frozen=True)
class Resource:
    """A resource of a template."""

    stack: str
    name: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        return dict(self.body.get("Properties", {}))

    @property
    def metadata(self) -> dict[str, Any]:
        return dict(self.body.get("Metadata", {}))

    def __str__(self) -> str:
        return f"{self.stack}.{self.name}"


def template_paths() -> list[Path]:
    return [INFRA / "template.yaml", *sorted((INFRA / "stacks").glob("*.yaml"))]


@cache
def read(path: Path) -> dict[str, Any]:
    return dict(yaml.load(path.read_text("utf-8"), Loader=_Loader))


@cache
def resources(kind: str = "") -> list[Resource]:
    """Every resource of every template, or those of one type."""
    found = [
        Resource(path.stem, name, body)
        for path in template_paths()
        for name, body in read(path).get("Resources", {}).items()
    ]
    return [one for one in found if not kind or one.type == kind]


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path, containers included."""
    yield path, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from walk(one, (*path, str(key)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from walk(one, (*path, str(number)))


def statements(resource: Resource) -> list[dict[str, Any]]:
    """Every IAM statement of a resource: policies, trust, resource policies."""
    return [
        value
        for _, value in walk(resource.properties)
        if isinstance(value, dict) and "Effect" in value and ("Action" in value or "NotAction" in value)
    ]


def texts(value: Any) -> list[str]:
    """What a property can be, with functions written out: `${X}` for a reference."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    if isinstance(value, dict):
        if "Ref" in value:
            return [f"${{{value['Ref']}}}"]
        if "Fn::GetAtt" in value:
            return ["${" + ".".join(value["Fn::GetAtt"]) + "}"]
        if "Fn::Sub" in value:
            return texts(value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0])
        if "Fn::If" in value:
            return [text for one in value["Fn::If"][1:] for text in texts(one)]
        if "Fn::Join" in value:
            mark, parts = value["Fn::Join"]
            return [mark.join(text for part in texts(parts) for text in [part])]
        if "Fn::Select" in value or "Fn::Split" in value:
            return ["${part}"]
    return [] if value is None else [str(value)]
