"""Write docs/reference/aws.md from the templates: parameters, who may do what, alarms. `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import cloudformation as cf  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "aws.md"
NOTE = "<!-- Written by docs/generate_aws.py from infra/. Edit the templates, then run `make docs`. -->\n"
SHORT = (
    ("arn:${AWS::Partition}:", ""),
    ("${AWS::Region}:${AWS::AccountId}:", ""),
    ("${AWS::Region}", "region"),
    ("${AWS::AccountId}", "account"),
)


def grid(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in row) + " |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def parameters() -> str:
    rows = []
    for name, one in cf.read(cf.INFRA / "template.yaml")["Parameters"].items():
        allowed = ", ".join(map(str, one.get("AllowedValues", [])))
        default = str(one.get("Default", "required"))
        rows.append((f"`{name}`", one.get("Description", ""), f"`{default}`" if default else "empty", allowed))
    return grid(("parameter", "meaning", "default", "allowed"), rows)


def permissions() -> str:
    parts = []
    for role in cf.resources("AWS::IAM::Role"):
        trusted = sorted(
            text
            for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]
            for text in cf.texts(statement["Principal"].get("Service", []))
        )
        policies = [text.strip("${}") for text in cf.texts(role.properties.get("ManagedPolicyArns", []))]
        rows = _rows(role, skip_trust=True)
        rows += [row for one in _attached(role) for row in _rows(one)]
        made = f", made when {role.body['Condition']}" if "Condition" in role.body else ""
        text = f"### {role.stack}: {role.name}\n\nFor {', '.join(trusted)}{made}."
        if policies:
            text += " Also: " + ", ".join(f"[{name}](#lake-{name.lower()})" for name in policies) + "."
        if reason := role.metadata.get("Wildcards"):
            text += f"\n\nWhy `*`: {reason}"
        parts.append(text + "\n\n" + (grid(("may", "on", "if"), rows) if rows else ""))
    for policy in cf.resources("AWS::IAM::ManagedPolicy"):
        text = f"### {policy.stack}: {policy.name}\n\n{policy.properties['Description']}.\n\n"
        parts.append(text + grid(("may", "on", "if"), _rows(policy)))
    return "\n".join(parts)


def _attached(role: cf.Resource) -> list[cf.Resource]:
    return [
        one
        for one in cf.resources("AWS::IAM::Policy")
        if one.stack == role.stack and {"Ref": role.name} in one.properties["Roles"]
    ]


def _rows(resource: cf.Resource, *, skip_trust: bool = False) -> list[tuple[str, ...]]:
    rows = []
    for statement in cf.statements(resource):
        if skip_trust and "Principal" in statement:
            continue
        condition = "; ".join(
            f"{key} = {', '.join(cf.texts(value))}"
            for test in statement.get("Condition", {}).values()
            for key, value in test.items()
        )
        made = f" (when {resource.body['Condition']})" if resource.type == "AWS::IAM::Policy" else ""
        rows.append(
            (
                ", ".join(cf.texts(statement["Action"])) + made,
                ", ".join(f"`{_short(text)}`" for text in cf.texts(statement["Resource"])),
                _short(condition),
            )
        )
    return rows


def _short(text: str) -> str:
    for long, short in SHORT:
        text = text.replace(long, short)
    return text


def alarms() -> str:
    rows = []
    for one in cf.resources("AWS::CloudWatch::Alarm"):
        p = one.properties
        name = p["AlarmName"]["Fn::Sub"].replace("${Prefix}-", "")
        sign = {"GreaterThanOrEqualToThreshold": "≥", "GreaterThanThreshold": ">", "LessThanThreshold": "<"}
        when = f"{p['Statistic']} of {p['Namespace']} {p['MetricName']} {sign[p['ComparisonOperator']]} {p['Threshold']:,} in {p['Period']:,} s"
        rows.append((f"[{name}](../runbook.md#{name})", p["AlarmDescription"].partition(" Runbook")[0], when))
    return grid(("alarm", "meaning", "when"), rows)


def page() -> str:
    return "\n".join(
        [
            NOTE,
            "# AWS: parameters, permissions, alarms\n",
            "What `shelfcast aws deploy` makes, as the templates in `infra/` say it. `${Prefix}` is `shelfcast-<stage>`.\n",
            "## Parameters\n",
            "Set with `shelfcast aws deploy --set NAME=VALUE`; what is left out stays as it is.\n",
            parameters(),
            "## Alarms\n",
            "All go to the topic `${Prefix}-alarms`; the [runbook](../runbook.md) says what to do.\n",
            alarms(),
            "## Permissions\n",
            "Every role, what uses it, and what it may do. No other role or user is made.\n",
            permissions(),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is out of date")
    if parser.parse_args().check:
        stale = not PAGE.exists() or PAGE.read_text("utf-8") != page()
        print(
            "out of date: docs/reference/aws.md. Run `make docs`." if stale else "docs/reference/aws.md is up to date"
        )
        return int(stale)
    PAGE.write_text(page(), "utf-8")
    print("docs/reference/aws.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
