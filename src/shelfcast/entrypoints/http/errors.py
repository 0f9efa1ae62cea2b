"""Errors as problem+json (RFC 9457): what came, what is allowed, what to do. Ours become 4xx; nothing of ours is a 5xx."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from shelfcast.domain.errors import BadInput, Conflict, MissingExtra, NotFound, NotReady, ShelfcastError, SourceDown
from shelfcast.pipeline.issue_tokens import TokenRefused
from shelfcast.pipeline.manage_users import SignInRefused

MEDIA_TYPE = "application/problem+json"
STATUS: tuple[tuple[type[ShelfcastError], int, str], ...] = (
    (SignInRefused, 401, "Sign-in refused"),
    (TokenRefused, 401, "Token refused"),
    (NotFound, 404, "Not found"),
    (NotReady, 409, "Not ready"),
    (Conflict, 409, "Conflict"),
    (BadInput, 422, "Bad input"),
    (SourceDown, 503, "An outside source doesn't answer"),
    (MissingExtra, 501, "Not installed"),
    (ShelfcastError, 400, "Refused"),
)
TITLES = {403: "The role doesn't allow it", 404: "Not found", 405: "Not allowed here", 413: "Too large"}


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = "about:blank"
    title: str = Field(examples=["Bad input"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["cursor 'x' is not one of ours. Use the `next` value of the page before, or none."])
    """What came, what is allowed, what to do."""


def problem(status: int, title: str, detail: str) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    body = Problem(title=title, status=status, detail=detail).model_dump()
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    @app.exception_handler(ShelfcastError)
    def ours(_: Request, error: ShelfcastError) -> JSONResponse:
        status, title = next((code, name) for kind, code, name in STATUS if isinstance(error, kind))
        return problem(status, title, str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        return problem(422, "Bad input", problems)

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # the framework's word for a body it can't take apart
            return problem(422, "Bad input", f"{error.detail}. Send JSON in UTF-8, as the OpenAPI file describes it.")
        return problem(error.status_code, TITLES.get(error.status_code, "Refused"), str(error.detail))


def described(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


OPEN_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: described(text)
    for code, text in (
        (401, "Refused"),
        (404, "Not found"),
        (409, "Not ready, or somebody wrote first"),
        (422, "Bad input"),
    )
}
RESPONSES: dict[int | str, dict[str, Any]] = OPEN_RESPONSES | {
    401: described("No valid token"),
    403: described("The role doesn't allow it"),
}
