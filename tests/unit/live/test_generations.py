"""Tidying up while somebody else moves the alias: whenever that happens, the index that is live stays as it is."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from build_plans import NOW, corpus_config, make_plan
from fake_opensearch import fake_cluster, no_route
from sparse_index.cluster.client import Cluster
from sparse_index.errors import UnavailableError
from sparse_index.live.generations import remove_failed_candidates, retire
from sparse_index.live.meta import meta_of

CONFIG = corpus_config("things", retention={"generations": 1})
NAMES = [f"things--b2025030{day}t060000-00000{day}" for day in (1, 2, 3, 4)]
OLDEST, SURPLUS, KEPT, LIVE = NAMES


class Indices:
    """Four complete builds, the last of them live, then `to`: the alias moves before the `at`-th reading request."""

    def __init__(self, *, promoted: bool, to: str, at: int) -> None:
        self.live, self.to, self.reads_left = LIVE, to, at
        self.there = {name: _meta(name, promoted) for name in NAMES}

    def cluster(self) -> Cluster:
        return fake_cluster(self._answer)

    def _answer(self, method: str, path: str, _: Any) -> Any:
        target, verb = re.fullmatch(r"/([^/]+)(/_\w+)?", path).groups()  # type: ignore[union-attr]
        if method != "GET":
            return self._change(method, target)
        self.reads_left -= 1
        if self.reads_left == 0 and self.to in self.there:
            self.live = self.to
        if verb == "/_alias":
            return {self.live: {"aliases": {"things": {}}}}
        return {name: meta for name, meta in self.there.items() if fnmatchcase(name, target)}

    def _change(self, method: str, target: str) -> Any:
        assert target != self.live, f"{method} on the live index"
        if method == "DELETE":
            del self.there[target]
        return {}


def _meta(name: str, promoted: bool) -> dict[str, Any]:
    build_id = name.removeprefix("things--b").replace("t", "T")
    meta = meta_of(make_plan(CONFIG, build_id=build_id)).model_copy(update={"promoted_at": NOW if promoted else None})
    return {"mappings": {"_meta": {"sparse_index": meta.model_dump(mode="json")}}}


def instants(*targets: str) -> list[tuple[str, int]]:
    return [(to, at) for to in targets for at in range(1, 12)]


@pytest.mark.parametrize(("to", "at"), instants(OLDEST, SURPLUS, KEPT))
def test_retire_leaves_an_index_alone_that_went_live_meanwhile(to: str, at: int) -> None:
    indices = Indices(promoted=True, to=to, at=at)
    deleted = retire(indices.cluster(), CONFIG).removed
    assert indices.there.keys() == set(NAMES) - set(deleted)


@pytest.mark.parametrize(("to", "at"), instants(OLDEST, SURPLUS))
def test_a_candidate_that_went_live_meanwhile_is_not_removed(to: str, at: int) -> None:
    indices = Indices(promoted=False, to=to, at=at)
    deleted = remove_failed_candidates(indices.cluster(), "things", "20250303T000000-000000", lambda _: False).removed
    assert indices.there.keys() == set(NAMES) - set(deleted)


def test_undisturbed_all_that_is_surplus_goes() -> None:
    assert retire(Indices(promoted=True, to=LIVE, at=1).cluster(), CONFIG).removed == [SURPLUS, OLDEST]


@pytest.mark.parametrize("lost", range(1, 8))
def test_a_proxy_that_loses_the_cluster_for_a_moment_makes_no_generation_of_the_live_index(lost: int) -> None:
    indices, asked = Indices(promoted=True, to=LIVE, at=1), list[str]()

    def through_proxy(method: str, path: str, body: Any) -> Any:
        asked.append(path)
        if len(asked) == lost:
            raise no_route()
        return indices.cluster().request(method, path, body)

    with pytest.raises(UnavailableError, match="something in front of the cluster"):
        retire(fake_cluster(through_proxy), CONFIG)
    assert {LIVE, KEPT} <= indices.there.keys()
    assert retire(fake_cluster(through_proxy, attempts=2), CONFIG).kept == [KEPT]
    assert indices.there.keys() == {LIVE, KEPT}
