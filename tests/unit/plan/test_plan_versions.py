"""A plan that another version of the package wrote: said in words, passed over, and never taken for a dead build's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.plan import load_plan, save_plan, saved_plans
from sparse_index.builds.state import BuildState
from sparse_index.errors import BuildError
from sparse_index.names import group_name
from sparse_index.operations.sightings import view_corpus, view_store
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.leftovers import sweep
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from sparse_index.timing import REAL_TIME

CONFIG = corpus_config("things")
OLD, NEW = "20250301T060000-00000a", "20250302T060000-00000b"


class OneGroup:
    """A cluster without indices, with the model group of the old build."""

    def get(self, path: str, **_: object) -> dict[str, object]:
        return {}

    def find(self, path: str, query: object = None) -> object:
        """No alias; the search of groups finds one."""
        if query is None:
            return None
        return {"hits": {"hits": [{"_id": "g1", "_source": {"name": group_name("things", OLD)}}]}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    for build_id in (OLD, NEW):
        save_plan(store, make_plan(CONFIG, build_id=build_id))
    path = plan_path("things", OLD)
    raw = store.read_json(path)
    del raw["counts"]
    store.write_json(path, raw | {"of_former_days": 1})
    return store


def test_it_is_said_which_plan_and_what_to_do(store: Store) -> None:
    with pytest.raises(BuildError, match=rf"{OLD}/plan\.json .*\(counts\).*Trigger a new run"):
        load_plan(store, plan_path("things", OLD))


def test_the_others_are_read_all_the_same(store: Store) -> None:
    assert [(build_id, plan is not None) for build_id, plan in saved_plans(store, "things")] == [
        (NEW, True),
        (OLD, False),
    ]


def test_preflight_leaves_what_it_cannot_prove_dead(store: Store) -> None:
    cluster, findings = OneGroup(), Findings()
    assert sweep(findings, cluster, store, "things", lambda _: None, REAL_TIME) == []  # type: ignore[arg-type]
    assert findings.problems == []
    (warning,) = findings.warnings
    assert f"nobody knows the run of build {OLD}" in warning


def test_the_janitor_takes_its_build_for_possibly_alive(store: Store) -> None:
    class Runs:
        def goes_on(self, alias: str, build_id: str) -> bool | None:
            return None

        def is_running(self, alias: str) -> bool:
            return False

    files = view_store(store, datetime.now(UTC))
    assert {plan.build_id for plan in files.plans} == {OLD, NEW}
    view = view_corpus(OneGroup(), store, CONFIG, files, Runs())  # type: ignore[arg-type]
    assert view.state(OLD) is BuildState.UNKNOWN
