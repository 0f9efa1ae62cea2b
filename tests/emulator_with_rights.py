"""The emulator with IAM counting (AUTH=true), mended in two places. Run by the emulator's own Python.

- It takes loopback for TLS: our policies refuse what comes without, and four HTTP clients would have to learn a certificate.
- Glue's GetDatabase is of a database; the emulator takes it for a table of that name.
"""

from __future__ import annotations

from typing import Any

from ministack import app  # type: ignore[import-not-found]
from ministack.core import iam_actions  # type: ignore[import-not-found]

_pin, _resource = app.pin_request_origin, iam_actions.extract_resource_arn


def pin_request_origin(address: str, secure: bool) -> None:
    _pin(address, True)


def extract_resource_arn(service: str, method: str, path: str, headers: dict[str, str], *more: Any) -> str:
    found = str(_resource(service, method, path, headers, *more))
    database = service == "glue" and headers.get("x-amz-target", "").endswith(".GetDatabase")
    return found.replace(":table/", ":database/") if database else found


app.pin_request_origin = pin_request_origin
iam_actions.extract_resource_arn = extract_resource_arn

if __name__ == "__main__":
    app.main()
