"""The base of every value that travels between processes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that travels between processes as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)
