"""What a candidate must show before it goes live, beside closed books."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sparse_index.config.airflow_rules import LONGEST_APPROVAL_H
from sparse_index.config.encoder import Section

Share = Annotated[float, Field(ge=0, le=1)]
MIN_RECALL = 0.9


class ApprovalConfig(Section):
    """Who is asked where `gate.undecided` is `ask`. `users`: ids, as Airflow's auth manager gives them (none: whoever may edit
    the run). After so many `hours` without an answer it is no. `when`: the gate is undecided, or before every promotion."""

    users: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    hours: Annotated[float, Field(gt=0, le=LONGEST_APPROVAL_H)] = 12
    when: Literal["undecided", "always"] = "undecided"


class GateConfig(Section):
    """`sample`: so many documents, drawn anew by each build, are compared with the store. `max_unexplained`: which share of the
    first ten hits may differ from the live index's without a new, changed or deleted document to explain it.
    `max_latency_factor`: how much slower than the live index; beyond it the gate warns, or refuses, as `latency` says.
    `min_recall`: which share of the ten best documents a vector field must find whose answers may be inexact; of such a field
    what both indices may miss so may be unexplained, too.

    `golden`: the folder of the corpus's golden set, whose queries are asked of the candidate and of the live index. A drop of the
    mean nDCG@10 within `max_drop` is let go; below `min_ndcg` nothing goes live. `undecided`: what becomes of a candidate that
    is shown neither as worse nor as no worse (None: `refuse` when an encoder changed, else `pass`)."""

    sample: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    max_unexplained: Annotated[float, Field(ge=0, le=1)] = 0.02
    max_latency_factor: Annotated[float, Field(ge=1)] = 2.0
    latency: Literal["warn", "refuse"] = "warn"
    min_recall: Annotated[float, Field(ge=0, le=1)] = MIN_RECALL
    golden: str | None = None
    max_drop: Share = 0.02
    min_ndcg: Share | None = None
    undecided: Literal["refuse", "ask", "pass"] | None = None
    approval: ApprovalConfig = ApprovalConfig()

    @field_validator("golden")
    @classmethod
    def _is_a_folder(cls, golden: str | None) -> str | None:
        if golden is not None and "://" in golden:
            raise ValueError("it is a folder that every worker has, such as one beside the corpus file; no address")
        return golden
