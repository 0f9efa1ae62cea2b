"""The real template on the emulator: deployed, spoken to and torn down by the services' own calls."""

from __future__ import annotations

import io
import json
import os
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator import REGION, Emulator, running, sagemaker_state

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
STACK = "shelfcast-test"
MODEL_GROUP = f"{STACK}-models"
CODE_BUCKET = "shelfcast-code"
PASSWORD = "Permanent-1234"
THREADS = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
FULL = os.environ.get("SHELFCAST_AWS_TEST", "") == "full"


@dataclass
class Deployed:
    """A deployed stack."""

    server: Emulator
    models: Emulator
    """Keeps what SageMaker's model registry is told."""
    outputs: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return (self.models if service == "sagemaker" else self.server).client(service)

    @property
    def addresses(self) -> dict[str, str]:
        """What a process of ours needs to speak to both servers."""
        return {**self.models.environment, **self.server.environment}

    @property
    def environment(self) -> dict[str, str]:
        """What the step function was given, by the template, plus the emulator's address."""
        function = self.client("lambda").get_function_configuration(FunctionName=f"{STACK}-step")
        return {**self.addresses, **function["Environment"]["Variables"]}

    def resource(self, part: str, name: str) -> str:
        """What a resource of a nested stack is called."""
        formation, stack = self.client("cloudformation"), STACK
        for one in (part, name):
            found = formation.describe_stack_resource(StackName=stack, LogicalResourceId=one)["StackResourceDetail"]
            stack = str(found["PhysicalResourceId"])
        return stack

    def request(self, method: str, path: str, body: Any = None, *, token: str = "") -> tuple[int, Any]:
        """Ask the deployed HTTP API; (status, body as JSON or text)."""
        port = self.server.url.rpartition(":")[2]
        headers = {"Host": f"{self.outputs['ApiId']}.execute-api.localhost:{port}", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(self.server.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=300) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content.decode("utf-8", "replace")

    def get(self, path: str, role: str = "planner") -> Any:
        """The body of an answer that must be good."""
        status, body = self.request("GET", path, token=self.tokens[role])
        assert status == 200, (path, status, str(body)[:800])
        return body

    def sign_in(self, name: str, group: str) -> str:
        """Make a Cognito user of a group and sign in; the access token."""
        pool, cognito = self.outputs["UserPoolId"], self.client("cognito-idp")
        address = f"{name}@example.com"
        cognito.admin_create_user(
            UserPoolId=pool, Username=address, TemporaryPassword="Temporary-123", MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": address}],
        )  # fmt: skip
        cognito.admin_set_user_password(UserPoolId=pool, Username=address, Password=PASSWORD, Permanent=True)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=address, GroupName=group)
        answer = cognito.initiate_auth(
            ClientId=self.outputs["UserPoolClientId"], AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": address, "PASSWORD": PASSWORD},
        )  # fmt: skip
        return str(answer["AuthenticationResult"]["AccessToken"])

    def upload(self, folder: Path, delivery: str) -> None:
        """Put a folder's files and then its mark into the raw bucket.

        After the first the function is waited for: it is warm then, else each file would start a process of its own.
        """
        s3 = self.client("s3")
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            s3.upload_file(str(path), self.outputs["RawBucket"], delivery + path.relative_to(folder).as_posix())
            until(lambda: self.arrivals() > 0, "the first file to be noted")
        s3.put_object(Bucket=self.outputs["RawBucket"], Key=delivery + "_SUCCESS", Body=b"")

    def arrivals(self) -> int:
        """Files the arrival function has noted."""
        found = self.client("dynamodb").query(
            TableName=self.outputs["RecordsTable"], Select="COUNT", KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": "arrivals"}},
        )  # fmt: skip
        return int(found["Count"])

    def executions(self, machine: str = "CycleMachineArn") -> list[dict[str, Any]]:
        found = self.client("stepfunctions").list_executions(stateMachineArn=self.outputs[machine])
        return list(found["executions"])

    def finished(self, execution: str, seconds: float = 1200) -> dict[str, Any]:
        """The execution when it has ended."""
        states = self.client("stepfunctions")
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(states.describe_execution(executionArn=execution))
            return bool(found["status"] != "RUNNING")

        until(ended, f"{execution} to end", seconds)
        return found

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function and read its answer, which must be good."""
        answer = self.client("lambda").invoke(FunctionName=f"{STACK}-{function}", Payload=json.dumps(event).encode())
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def listen(self) -> Callable[[], list[dict[str, Any]]]:
        """Hear what the topic says; call the answer for the messages since."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName="listener")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic_may = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [topic_may]})}
        )
        self.client("sns").subscribe(TopicArn=self.outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
        heard: list[dict[str, Any]] = []

        def messages() -> list[dict[str, Any]]:
            for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
                heard.append(json.loads(one["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            return heard

        return messages


@contextmanager
def deployed(**parameters: str) -> Iterator[Deployed]:
    """The template on an emulator of its own; what the stack is made of is ended with the emulator."""
    # As many threads as the laptop's commands get in tests: LightGBM's sums depend on their number.
    with sagemaker_state() as models, running(rights=True, AWS_ENDPOINT_URL_SAGEMAKER=models.url, **THREADS) as server:
        code_path = os.pathsep.join((str(ROOT / "src"), sysconfig.get_path("purelib")))
        _upload_code(server)
        models.client("sagemaker").create_model_package_group(ModelPackageGroupName=MODEL_GROUP)
        chosen = {
            "Stage": "test", "CodeBucket": CODE_BUCKET, "CodePrefix": "build", "PackageType": "Zip", "CodeKey": "build/code.zip",
            "EndpointUrl": server.url, "PythonPath": code_path, "ProtectData": "false", "ScheduleState": "DISABLED",
            "EnableStream": "true", "AllowPasswordSignIn": "true", "EnableAudit": "false", "EnableWeb": "false",
            "EnableModels": "true", "Horizon": "14", **parameters,
        }  # fmt: skip
        yield Deployed(server, models, _create(server, chosen))


def _upload_code(server: Emulator) -> None:
    """Templates and the functions' zip. The zip is empty but for a note: the emulator's functions are processes of this
    machine and find code and packages by `PYTHONPATH` (a parameter of the template that real deployments leave empty)."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    for path in (*INFRA.rglob("*.yaml"), *INFRA.rglob("*.json")):
        s3.upload_file(str(path), CODE_BUCKET, f"build/{path.relative_to(INFRA).as_posix()}")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("README.txt", "Code and packages come from PYTHONPATH.\n")
    s3.put_object(Bucket=CODE_BUCKET, Key="build/code.zip", Body=packed.getvalue())


def _create(server: Emulator, parameters: dict[str, str]) -> dict[str, str]:
    """Create the stack; its outputs."""
    formation = server.client("cloudformation")
    formation.create_stack(
        StackName=STACK,
        TemplateURL=f"https://s3.{REGION}.amazonaws.com/{CODE_BUCKET}/build/template.yaml",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(formation.describe_stacks(StackName=STACK)["Stacks"][0])
        return not found["StackStatus"].endswith("IN_PROGRESS")

    until(ended, "the stack to be made")
    assert found["StackStatus"] == "CREATE_COMPLETE", _failures(formation)
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def _failures(formation: Any) -> str:
    lines = []
    for stack in formation.describe_stacks()["Stacks"]:
        for event in formation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                lines.append(f"{stack['StackName']} {event['LogicalResourceId']}: {event.get('ResourceStatusReason')}")
    return "\n".join(lines)


def until(done: Callable[[], bool], what: str, seconds: float = 300, pause: float = 0.2) -> None:
    """Look again and again until it is so; the end is far off, so that a busy machine costs time alone."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(pause)
