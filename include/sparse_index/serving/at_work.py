"""Builds that go on, and may come to need what nothing names yet: their plans froze it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sparse_index.builds.plan import Plan, saved_plans
from sparse_index.builds.state import BuildState, state_in_store
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

# (Alias, build id) -> what a scheduler knows of the build's run, see `builds/state`.
GoesOn = Callable[[str, str], bool | None]


def plans_at_work(store: Store, alias: str, goes_on: GoesOn | None, now: datetime) -> Iterator[Plan]:
    """Of the builds of `alias` that are not proven to have ended; a receipt is written last of all."""
    for build_id, plan in saved_plans(store, alias):
        if plan is None or store.exists(receipt_path(plan.alias, plan.build_id)):
            continue
        knows = None if goes_on is None else lambda build: goes_on(alias, build)
        if state_in_store(store, alias, build_id, knows, now) is not BuildState.ENDED:
            yield plan
