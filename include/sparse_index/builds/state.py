"""Whether a build can still write. Preflight's sweep and the janitor ask this before they remove anything of a build."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from enum import StrEnum

from sparse_index.builds.sign_of_life import is_living
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder

# By build id, what a scheduler says. True: the build's run goes on; False: it has ended; None: it knows no such run.
IsLive = Callable[[str], bool | None]


class BuildState(StrEnum):
    """Only what has `ended` is proven dead."""

    LIVE = "live"
    ENDED = "ended"
    UNKNOWN = "unknown"


def build_state(
    build_id: str, files: Collection[str], is_live: IsLive | None, living: bool | None = None
) -> BuildState:
    """The state of a build with these files in the store, whose sign of life says `living` (None: it has none).

    `is_live` None: there is no scheduler to ask; then a build without a sign, which may be a scheduler's, stays unknown.
    One whose run no scheduler knows has ended when it left a receipt (written last of all), its sign of life says so, or it
    was refused by its plan: then it left files, but no plan that a later task could have worked on.
    """
    live = is_live(build_id) if is_live is not None else None
    if live is not None:
        return BuildState.LIVE if live else BuildState.ENDED
    if is_live is None and living is None:
        return BuildState.UNKNOWN
    left = {path.rsplit("/", 1)[-1] for path in files}
    if "receipt.json" in left:
        return BuildState.ENDED
    if living is not None:
        return BuildState.LIVE if living else BuildState.ENDED
    was_refused = bool(left) and "plan.json" not in left
    return BuildState.ENDED if was_refused else BuildState.UNKNOWN


def state_in_store(store: Store, alias: str, build_id: str, is_live: IsLive | None, now: datetime) -> BuildState:
    """`build_state` of a build by what its folder holds now."""
    folder = build_folder(alias, build_id)
    return build_state(build_id, store.files(folder), is_live, is_living(store, folder, now))
