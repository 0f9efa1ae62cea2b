"""Errors as problem+json (RFC 9457): what came, what is allowed, what to do. Ours become 4xx; nothing of ours is a 5xx."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from shelfcast.domain.errors import BadInput, Conflict, NotFound, NotReady, ShelfcastError, SourceDown
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
    (ShelfcastError, 400, "Refused"),
)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(default="about:blank")
    title: str = Field(examples=["Bad input"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["cursor 'x' is not one of ours. Use the `next` value of the page before, or none."])


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
        return problem(error.status_code, "Not found" if error.status_code == 404 else "Refused", str(error.detail))


RESPONSES: dict[int | str, dict[str, object]] = {
    code: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": text}
    for code, text in (
        (401, "No valid token"),
        (403, "The role doesn't allow it"),
        (409, "Not ready, or somebody wrote first"),
        (422, "Bad input"),
    )
}
