"""Whether a build can still write. Preflight's sweep and the janitor ask this before they remove anything of a build."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from enum import StrEnum

from sparse_index.builds.sign_of_life import is_living
from sparse_index.store.files import Store
from sparse_index.store.layout import PLAN_FILE, RECEIPT_FILE, build_folder

# By build id, what a scheduler says. True: the build's run goes on; False: it has ended; None: it knows no such run.
GoesOn = Callable[[str], bool | None]


class BuildState(StrEnum):
    """Only what has `ended` is proven dead."""

    AT_WORK = "at work"
    ENDED = "ended"
    UNKNOWN = "unknown"


def build_state(
    build_id: str, files: Collection[str], goes_on: GoesOn | None, living: bool | None = None
) -> BuildState:
    """The state of a build with these files in the store, whose sign of life says `living` (None: it has none).

    `goes_on` None: there is no scheduler to ask; then a build without a sign, which may be a scheduler's, stays unknown.
    One whose run no scheduler knows has ended when it left a receipt (written last of all), its sign of life says so, or it
    was refused by its plan: then it left files, but no plan that a later task could have worked on.
    """
    says = goes_on(build_id) if goes_on is not None else None
    if says is not None:
        return BuildState.AT_WORK if says else BuildState.ENDED
    if goes_on is None and living is None:
        return BuildState.UNKNOWN
    left = {path.rsplit("/", 1)[-1] for path in files}
    if RECEIPT_FILE in left:
        return BuildState.ENDED
    if living is not None:
        return BuildState.AT_WORK if living else BuildState.ENDED
    was_refused = bool(left) and PLAN_FILE not in left
    return BuildState.ENDED if was_refused else BuildState.UNKNOWN


def state_in_store(store: Store, alias: str, build_id: str, goes_on: GoesOn | None, now: datetime) -> BuildState:
    """`build_state` of a build by what its folder holds now."""
    folder = build_folder(alias, build_id)
    return build_state(build_id, store.files(folder), goes_on, is_living(store, folder, now))
