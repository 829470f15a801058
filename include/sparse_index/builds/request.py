"""What one run asks for."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from sparse_index.values import Frozen


class Mode(StrEnum):
    """What a run is asked to do."""

    AUTO = "auto"
    FULL = "full"
    PLAN_ONLY = "plan_only"


class RunRequest(Frozen):
    """What one run asks for; the Params of the trigger form, resolved. `accept_undecided`: why a candidate goes live that the
    golden queries leave in doubt; `probe`: whether the model may be tried out for an estimate; both are said on the command line
    only."""

    run_id: str
    data_date: date
    mode: Mode = Mode.AUTO
    row_limit: Annotated[int, Field(ge=1)] | None = None
    force_older_date: bool = False
    accept_mass_change: bool = False
    accept_undecided: Annotated[str, Field(min_length=1)] | None = None
    probe: bool = True
