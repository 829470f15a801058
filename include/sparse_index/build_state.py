"""Whether a build can still write. Preflight's sweep and the janitor ask this before they remove anything of a build."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum

# By build id. True: the build's run goes on; False: it has ended; None: nobody knows of such a run.
IsLive = Callable[[str], bool | None]


class BuildState(StrEnum):
    """Only what has `ended` is proven dead."""

    LIVE = "live"
    ENDED = "ended"
    UNKNOWN = "unknown"


def build_state(build_id: str, files: Collection[str], is_live: IsLive) -> BuildState:
    """The state of a build with these files in the store.

    One whose run nobody knows has ended when it left a receipt (written last of all), or was refused by its plan: then
    it left files, but no plan that a later task could have worked on.
    """
    live = is_live(build_id)
    if live is not None:
        return BuildState.LIVE if live else BuildState.ENDED
    left = {path.rsplit("/", 1)[-1] for path in files}
    was_refused = bool(left) and "plan.json" not in left
    return BuildState.ENDED if "receipt.json" in left or was_refused else BuildState.UNKNOWN
