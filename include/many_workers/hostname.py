"""`[core] hostname_callable` of the demo's machines: each has a name of its own, though all are one."""

from __future__ import annotations

import os

VARIABLE = "MANY_WORKERS_HOSTNAME"


def hostname() -> str:
    return os.environ[VARIABLE]
