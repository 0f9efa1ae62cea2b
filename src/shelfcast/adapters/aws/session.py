"""Clients of AWS services, and the one endpoint they all speak to.

Region and credentials come from the environment or the role the process runs under, as every AWS SDK reads them. With
`AWS_ENDPOINT_URL` set everything - also what isn't boto3: PyArrow, Polars, obstore - speaks to that server instead.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from shelfcast.domain.errors import MissingExtra, SourceDown

CONNECT_SECONDS = 5
READ_SECONDS = 60


def client(service: str) -> Any:
    """A service's client, made once a process (and endpoint): threads may share it.

    Raises:
        MissingExtra: boto3 isn't installed.
        SourceDown: no region is named.
    """
    return _client(service, region(), os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or endpoint())


@lru_cache(maxsize=32)
def _client(service: str, region_name: str, endpoint_url: str) -> Any:
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra("AWS needs the aws extra: pip install 'shelfcast[aws]'") from error
    config = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"mode": "standard", "max_attempts": 5}
    )
    return boto3.client(service, region_name=region_name, endpoint_url=endpoint_url or None, config=config)


def region() -> str:
    """
    Raises:
        SourceDown: the environment names none.
    """
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        raise SourceDown("no AWS region is set. Set AWS_REGION (eu-central-1, us-east-1, ...).")
    return found


def endpoint() -> str:
    """Another server than AWS's own; empty for AWS."""
    return os.environ.get("AWS_ENDPOINT_URL", "")


def error_code(error: Exception) -> str:
    """AWS's name of what went wrong; empty if this is none of its answers."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""


def down(what: str, error: Exception) -> SourceDown:
    """The sentence for a service that didn't do what was asked."""
    return SourceDown(f"{what} failed: {error}. Check that it is there and that this role may use it, then retry.")


def catalog_properties() -> dict[str, str]:
    """PyIceberg's Glue catalog."""
    found = {"type": "glue", "glue.region": region(), "s3.region": region()}
    if endpoint():
        found |= {"glue.endpoint": endpoint(), "s3.endpoint": endpoint()}
    return found


def storage_options() -> dict[str, str]:
    """Polars reading Parquet files from S3."""
    found = {"aws_region": region()}
    if endpoint():
        found |= {"aws_endpoint_url": endpoint(), "aws_allow_http": "true"}
    return found


def object_options() -> dict[str, Any]:
    """obstore's S3 store."""
    found: dict[str, Any] = {"region": region()}
    if endpoint():
        found |= {"endpoint": endpoint(), "client_options": {"allow_http": endpoint().startswith("http:")}}
    return found
