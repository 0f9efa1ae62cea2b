"""The pages about AWS say what the templates say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_aws", ROOT / "docs" / "generate_aws.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_up_to_date(pages: ModuleType) -> None:
    assert pages.PAGE.read_text() == pages.page(), "run `make docs` and commit docs/reference/aws.md"


def test_every_alarm_has_its_place_in_the_runbook(pages: ModuleType) -> None:
    alarms = pages.cf.resources("AWS::CloudWatch::Alarm")
    names = {one.properties["AlarmName"]["Fn::Sub"].replace("${Prefix}-", "") for one in alarms}
    told = set(re.findall(r"^### ([a-z-]+)$", RUNBOOK, re.MULTILINE))
    assert names == told
    for one in alarms:
        section = one.properties["AlarmDescription"].rpartition("Runbook: ")[2]
        assert section == one.properties["AlarmName"]["Fn::Sub"].replace("${Prefix}-", "")
    for name in names:
        text = RUNBOOK.split(f"### {name}\n")[1].split("\n### ")[0]
        assert all(f"*{word}*" in text for word in ("Means", "Look at", "Do")), name


def test_a_number_an_alarm_watches_is_told_by_somebody(pages: ModuleType) -> None:
    from shelfcast.pipeline.metric_list import METRICS

    listed = {one.cloud_name for one in METRICS if one.cloud_name}
    machines = "".join(path.read_text() for path in (ROOT / "infra" / "state_machines").glob("*.json"))
    steps = (ROOT / "src" / "shelfcast" / "pipeline" / "run_named_step.py").read_text()
    for one in pages.cf.resources("AWS::CloudWatch::Alarm"):
        if one.properties["Namespace"] == "Shelfcast":
            name = one.properties["MetricName"]
            assert name in listed
            assert f'"{name}"' in machines or f'"{name}"' in steps, f"{one}: nobody puts {name}"


@pytest.mark.parametrize(
    "page", ["docs/runbook.md", "docs/how-to/deploy-to-aws.md", "docs/explanation/aws.md", "docs/reference/aws.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", path.read_text()):
        if target and "://" not in target:
            assert (path.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]*)\)", path.read_text()):
        text = (path.parent / target).read_text() if target else path.read_text()
        heads = {_anchor(head) for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert anchor in heads, f"{target}#{anchor}"


def _anchor(head: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-")


def test_parameters_named_in_the_pages_exist(pages: ModuleType) -> None:
    known = set(pages.cf.read(ROOT / "infra" / "template.yaml")["Parameters"])
    for page in ("docs/runbook.md", "docs/how-to/deploy-to-aws.md"):
        for name in re.findall(r"--set (\w+)=", (ROOT / page).read_text()):
            assert name in known, f"{page}: {name}"
