"""The base of every value that travels between processes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that travels between processes as JSON. The reader may be of an earlier version, and passes over further keys."""

    model_config = ConfigDict(extra="ignore", frozen=True)
