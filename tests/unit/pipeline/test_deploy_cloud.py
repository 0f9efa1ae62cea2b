"""Deploying, asking and removing, on a cloud that only remembers."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import pytest

from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.pipeline import deploy_cloud
from shelfcast.pipeline.deploy_cloud import Wanted
from shelfcast.ports.cloud_stacks import Listener, StackEvent, StackState

TEMPLATE = (
    "Parameters:\n  Stage: {Type: String}\n  CodeBucket: {Type: String}\n  Horizon: {Type: Number}\n\nResources:\n"
)


@dataclass
class RememberedCloud:
    """A cloud in memory; `web` makes stacks have a web app, `builder` a builder of images; `late_logs` removals fail."""

    web: bool = False
    builder: bool = True
    late_logs: int = 0
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    stacks: dict[str, StackState] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def place(self) -> tuple[str, str]:
        return "111122223333", "eu-central-1"

    def ensure_bucket(self, bucket: str) -> None:
        self.calls.append(f"bucket {bucket}")

    def put(self, bucket: str, key: str, data: bytes, *, media: str = "", cache: str = "", encoding: str = "") -> None:
        self.objects[bucket, key] = data

    def url(self, bucket: str, key: str) -> str:
        return f"https://{bucket}/{key}"

    def state(self, stack: str) -> StackState | None:
        return self.stacks.get(stack)

    def apply(
        self, stack: str, template_url: str, parameters: Mapping[str, str], tags: Mapping[str, str], listen: Listener
    ) -> bool:
        before = self.stacks.get(stack)
        kept = dict(before.parameters) if before else {"ProtectData": "true"}
        after = StackState(stack, "CREATE_COMPLETE", "", kept | dict(parameters), self._outputs(), ())
        self.calls.append(f"apply image={parameters.get('ImageUri', '-')}")
        if before == after:
            return False
        self.stacks[stack] = after
        listen(StackEvent(stack, "Lake", "AWS::CloudFormation::Stack", "CREATE_COMPLETE"))
        return True

    def _outputs(self) -> dict[str, str]:
        found = {"RawBucket": "raw", "KeyArn": "arn:key"}
        if self.web:
            found |= {"WebUrl": "https://app.example", "WebBucket": "web", "DistributionId": "D1"}
        return found | ({"ImageBuildProject": "builder"} if self.builder else {})

    def change_parameters(self, stack: str, parameters: Mapping[str, str], listen: Listener) -> bool:
        self.calls.append("change " + ",".join(f"{k}={v}" for k, v in sorted(parameters.items())))
        before = self.stacks[stack]
        self.stacks[stack] = replace(before, parameters={**before.parameters, **parameters})
        return True

    def delete(self, stack: str, listen: Listener) -> None:
        self.calls.append("delete")
        if self.late_logs:
            self.late_logs -= 1
            raise Conflict("AuditBucket: the bucket is not empty")
        del self.stacks[stack]

    def forget_models(self, group: str) -> int:
        self.calls.append(f"forget {group}")
        return 2

    def empty(self, bucket: str, counted: Callable[[int], None]) -> int:
        self.calls.append(f"empty {bucket}")
        return 3

    def build(self, project: str, listen: Callable[[str], None]) -> Mapping[str, str]:
        self.calls.append("build")
        return {"IMAGE_URI": "registry/shelfcast-dev:build-1"}

    def refresh(self, distribution: str) -> None:
        self.calls.append(f"refresh {distribution}")


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "infra"
    (folder / "stacks").mkdir(parents=True)
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "stacks" / "lake.yaml").write_text("Resources: {}\n")
    return folder


def deploy(cloud: RememberedCloud, wanted: Wanted) -> StackState:
    return deploy_cloud.deploy(cloud, wanted, listen=lambda _: None, say=lambda _: None)


def zipped(tmp_path: Path) -> Path:
    path = tmp_path / "code.zip"
    path.write_bytes(b"zip")
    return path


def test_a_zip_deployment_names_its_code_and_templates_by_their_content(templates: Path, tmp_path: Path) -> None:
    cloud = RememberedCloud()
    found = deploy(cloud, Wanted("dev", templates, {"Horizon": "14"}, code=zipped(tmp_path)))
    prefix = found.parameters["CodePrefix"]
    bucket = "shelfcast-code-111122223333-eu-central-1"
    assert found.parameters["PackageType"] == "Zip"
    assert found.parameters["Horizon"] == "14"
    assert cloud.objects[bucket, f"{prefix}/code.zip"] == b"zip"
    assert (bucket, f"{prefix}/stacks/lake.yaml") in cloud.objects
    (templates / "stacks" / "lake.yaml").write_text("Resources: {Other: {}}\n")
    assert deploy(cloud, Wanted("dev", templates, code=zipped(tmp_path))).parameters["CodePrefix"] != prefix


def test_the_first_image_deployment_makes_the_builder_then_the_image_then_the_rest(
    templates: Path, tmp_path: Path
) -> None:
    source = tmp_path / "checkout"
    for name in deploy_cloud.SOURCE:
        path = source / name
        if "." in name or name == "LICENSE":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        else:
            path.mkdir(parents=True)
            (path / "file.txt").write_text(name)
    cloud = RememberedCloud()
    found = deploy(cloud, Wanted("dev", templates, source=source))
    assert [one for one in cloud.calls if one.startswith(("apply", "build"))] == [
        "apply image=", "build", "apply image=registry/shelfcast-dev:build-1",
    ]  # fmt: skip
    assert found.parameters["ImageUri"] == "registry/shelfcast-dev:build-1"
    cloud.calls.clear()
    deploy(cloud, Wanted("dev", templates))
    assert "build" not in cloud.calls, "the image that runs is kept unless a new one is asked for"


def test_a_wheel_for_glue_goes_up_under_its_own_name(templates: Path, tmp_path: Path) -> None:
    wheel, script = tmp_path / "shelfcast-1.0-py3-none-any.whl", tmp_path / "step.py"
    wheel.write_bytes(b"wheel")
    script.write_text("run()")
    cloud = RememberedCloud()
    found = deploy(cloud, Wanted("dev", templates, code=zipped(tmp_path), wheel=wheel, glue_script=script))
    bucket = "shelfcast-code-111122223333-eu-central-1"
    assert found.parameters["GlueWheel"] == "wheels/shelfcast-1.0-py3-none-any.whl"
    assert cloud.objects[bucket, found.parameters["GlueWheel"]] == b"wheel"
    assert cloud.objects[bucket, f"{found.parameters['CodePrefix']}/glue/step.py"] == b"run()"
    with pytest.raises(NotFound, match="uv build"):
        deploy(cloud, Wanted("dev", templates, code=zipped(tmp_path), wheel=script))


def test_an_image_can_not_be_built_from_nothing(templates: Path) -> None:
    with pytest.raises(BadParameter, match="--image-uri"):
        deploy(RememberedCloud(), Wanted("dev", templates))


def test_the_web_app_goes_up_and_the_sign_in_page_learns_its_address_once(templates: Path, tmp_path: Path) -> None:
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<html>")
    (web / "assets" / "a.js").write_text("1")
    (web / "assets" / "a.js.br").write_text("packed")
    cloud = RememberedCloud(web=True)
    wanted = Wanted("dev", templates, code=zipped(tmp_path), web=web)
    found = deploy(cloud, wanted)
    assert found.parameters["AppUrl"] == "https://app.example"
    assert [key for bucket, key in cloud.objects if bucket == "web"] == ["assets/a.js", "index.html"]
    assert "refresh D1" in cloud.calls
    cloud.calls.clear()
    deploy(cloud, wanted)
    assert not [one for one in cloud.calls if one.startswith("change")]


def test_an_unknown_parameter_is_refused_before_anything_is_done(templates: Path) -> None:
    cloud = RememberedCloud()
    with pytest.raises(BadParameter, match="parameter 'Horizont' is unknown; known: CodeBucket, Horizon, Stage"):
        deploy(cloud, Wanted("dev", templates, {"Horizont": "14"}))
    assert cloud.calls == []


@pytest.mark.parametrize("stage", ["", "Prod", "9a", "much-too-long", "a" * 13])
def test_a_stage_must_be_able_to_begin_names(stage: str) -> None:
    with pytest.raises(BadParameter, match="1 to 10 lower-case letters"):
        deploy_cloud.stack_name(stage)


def test_a_stack_that_is_being_changed_is_left_alone(templates: Path, tmp_path: Path) -> None:
    cloud = RememberedCloud()
    cloud.stacks["shelfcast-dev"] = StackState("shelfcast-dev", "UPDATE_IN_PROGRESS")
    with pytest.raises(Conflict, match="being changed already"):
        deploy(cloud, Wanted("dev", templates, code=zipped(tmp_path)))


def test_removing_takes_protection_off_empties_buckets_and_says_what_is_kept(templates: Path, tmp_path: Path) -> None:
    cloud = RememberedCloud(web=True)
    deploy(cloud, Wanted("dev", templates, {"Horizon": "14"}, code=zipped(tmp_path)))
    cloud.calls.clear()
    kept = deploy_cloud.destroy(cloud, "dev", listen=lambda _: None, say=lambda _: None)
    assert cloud.calls == ["change ProtectData=false,ScheduleState=DISABLED", "empty raw", "empty web", "delete"]
    assert any("30 days" in sentence for sentence in kept)
    with pytest.raises(NotFound, match="aws deploy"):
        deploy_cloud.status(cloud, "dev")


def test_a_bucket_that_fills_again_while_the_stack_goes_is_emptied_again(templates: Path, tmp_path: Path) -> None:
    cloud = RememberedCloud(late_logs=2)
    deploy(cloud, Wanted("dev", templates, code=zipped(tmp_path)))
    cloud.stacks["shelfcast-dev"].outputs["ModelGroup"] = "shelfcast-dev-models"  # type: ignore[index]
    cloud.calls.clear()
    deploy_cloud.destroy(cloud, "dev", listen=lambda _: None, say=lambda _: None)
    assert cloud.calls[1:] == ["forget shelfcast-dev-models", *["empty raw", "delete"] * 3]
    stubborn = RememberedCloud(late_logs=9)
    deploy(stubborn, Wanted("dev", templates, code=zipped(tmp_path)))
    with pytest.raises(Conflict, match="not empty"):
        deploy_cloud.destroy(stubborn, "dev", listen=lambda _: None, say=lambda _: None)


def test_the_same_source_is_the_same_archive(tmp_path: Path) -> None:
    (tmp_path / "src" / "__pycache__").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("1")
    (tmp_path / "src" / "run.sh").write_text("#!/bin/sh")
    (tmp_path / "src" / "__pycache__" / "a.pyc").write_text("x")
    first = deploy_cloud.archive(tmp_path, ["src"])
    (tmp_path / "src" / "a.py").touch()
    assert deploy_cloud.archive(tmp_path, ["src"]) == first
    assert zipfile.ZipFile(BytesIO(first)).namelist() == ["src/a.py", "src/run.sh"]
