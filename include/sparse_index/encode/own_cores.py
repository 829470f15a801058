"""How many cores this process may use: of the machine's, those that it is bound to and what its container has a quota of."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def own_cores(quota: Path = QUOTA) -> int:
    """1 at least. `quota`: a file of cgroup v2, microseconds of work and of time, or "max"."""
    # Not on every system.
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        work, of = quota.read_text().split()
        return min(bound, max(1, math.ceil(int(work) / int(of))))
    except (OSError, ValueError):
        return bound
