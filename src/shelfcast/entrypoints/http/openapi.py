"""The OpenAPI file: readable operation ids, one error model, what each role may do."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shelfcast.entrypoints.http.errors import Problem

DESCRIPTION = """\
Demand forecasts and replenishment orders with their reasons.

Sign in at `POST /v1/auth/token` and send `Authorization: Bearer <access_token>`. Roles: **viewer** reads; **planner** also
changes forecasts, orders, rules and starts work; **admin** also manages users, models and settings; **erp** is a machine
that pulls orders and forecasts and acknowledges them.

Long work is a job: a request that starts one answers 202 with the job; watch it at `/v1/jobs/{job_id}`. Errors are
`application/problem+json`: what came, what is allowed, what to do. Pages come with a cursor: send `next` of a page as
`cursor` to get the following one."""


def operation_id(route: APIRoute) -> str:
    """`list_jobs` -> `listJobs`: the name of the client's method."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def install(app: FastAPI) -> None:
    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION,
                openapi_version="3.1.0", routes=app.routes, license_info=app.license_info, tags=app.openapi_tags,
            )  # fmt: skip
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = problem
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]
