"""How fast the candidate answers, against the live index. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sparse_index.builds.check import Check, Verdict

LATENCY = "latency"
# What nobody waits for.
_UNNOTICED_MS = 50.0


def latency(
    live_ms: Sequence[float], candidate_ms: Sequence[float], factor: float, beyond: Literal["warn", "refuse"]
) -> Check:
    """Milliseconds of the same queries to both, in turn. Slower is what takes `factor` times as long and 50 ms more."""
    live, candidate = (float(np.quantile(took, 0.95)) for took in (live_ms, candidate_ms))
    limit = max(live * factor, live + _UNNOTICED_MS)
    words = f"95 of 100 queries take up to {candidate:.0f} ms, on the live index {live:.0f} ms."
    if candidate <= limit:
        return Check(LATENCY, Verdict.PASS, candidate, limit, words)
    words += f" That is over {factor:g} times as long and {_UNNOTICED_MS:.0f} ms more: look at its shards and segments"
    verdict = Verdict.FAIL if beyond == "refuse" else Verdict.UNDECIDED
    return Check(LATENCY, verdict, candidate, limit, words)
