"""What the API shows is declared once, as typed views with their meaning; the OpenAPI file and the web client come of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Base of what is shown. The text under a field is its description in the OpenAPI file."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, from_attributes=True)
