"""cfn-lint over all templates, and checkov with nothing found that has no written reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cloudformation as cf
import pytest
import yaml

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
ACCEPTED = yaml.safe_load((cf.INFRA / "checks" / "checkov.yaml").read_text())


def checkov() -> str | None:
    """Checkov in an environment of its own (its pins fight ours), or the program SHELFCAST_CHECKOV names."""
    own = ROOT / "tools" / "checkov" / ".venv" / "bin" / "checkov"
    return os.environ.get("SHELFCAST_CHECKOV") or (str(own) if own.exists() else shutil.which("checkov"))


def cfn_lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed (dev requirements)")
    command = "import sys; from cfnlint.runner import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", command, "--regions", "eu-central-1", "--", *map(str, paths)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=550,
    )  # fmt: skip


def machines_inline(folder: Path) -> Path:
    """The state machines as part of a template, where cfn-lint checks their language too."""
    resources = {
        name.name.split(".")[0].title(): {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": "arn:aws:iam::123456789012:role/x",
                "Definition": json.loads(re.sub(r"\$\{\w+\}", "placeholder", name.read_text())),
            },
        }
        for name in sorted((cf.INFRA / "state_machines").glob("*.asl.json"))
    }
    path = folder / "machines.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    return path


def test_cfn_lint_has_nothing_to_say(tmp_path: Path) -> None:
    done = cfn_lint(*cf.template_paths(), machines_inline(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def findings() -> list[tuple[str, str, str]]:
    """Check, resource and what it says, of everything checkov holds against the templates."""
    program = checkov()
    if program is None:
        pytest.skip("checkov is not installed (it has an environment of its own): make checkov")
    done = subprocess.run(
        [program, "--directory", str(cf.INFRA), "--framework", "cloudformation", "--compact", "--quiet", "--output", "json", "--skip-download"],
        capture_output=True, text=True, check=False, timeout=550, cwd=ROOT,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100, done.stdout
    return [
        (one["check_id"], f"{Path(one['file_path']).stem}.{one['resource'].rpartition('.')[2]}", one["check_name"])
        for one in report["results"]["failed_checks"]
    ]


def test_checkov_finds_nothing_without_a_written_reason(findings: list[tuple[str, str, str]]) -> None:
    new = [
        one for one in findings if not {"*", one[1]} & set(ACCEPTED.get(one[0], {}).get("resources", []))
    ]  # fmt: skip
    assert new == [], "narrow it, or write a reason into infra/checks/checkov.yaml"


def test_no_accepted_finding_is_stale(findings: list[tuple[str, str, str]]) -> None:
    found = {(check, resource) for check, resource, _ in findings}
    for check, accepted in ACCEPTED.items():
        assert len(accepted["reason"]) > 60
        for resource in accepted["resources"]:
            assert any(one[0] == check and resource in ("*", one[1]) for one in found), (
                f"{check} {resource} is not found any more"
            )
