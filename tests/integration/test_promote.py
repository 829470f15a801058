"""P2: the alias moves in one request, to one index; whoever loses is refused."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from build_plans import NOW, corpus_config, make_plan, ready_plan, remove_indices
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError, SparseIndexError, UnavailableError
from sparse_index.index.promote import Promotion, promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import Tidied, own_indices, remove_candidate, remove_failed_candidates, retire
from sparse_index.live.meta import read_meta
from sparse_index.live.switch import switch_alias

pytestmark = pytest.mark.integration


@pytest.fixture
def alias(plain_cluster: Cluster) -> Iterator[str]:
    name = f"promote-{uuid4().hex[:8]}"
    yield name
    remove_indices(plain_cluster, name)


def test_first_promotion_then_a_switch(plain_cluster: Cluster, alias: str) -> None:
    first = ready_plan(plain_cluster, alias, documents=3)
    assert promote(plain_cluster, first, now=NOW) == Promotion(first.candidate, None, 3)
    second = ready_plan(plain_cluster, alias, live=first.candidate, documents=2)
    assert promote(plain_cluster, second, now=NOW).former == first.candidate
    assert observe_alias(plain_cluster, alias).members == (second.candidate,)
    assert plain_cluster.get(f"/{alias}/_count")["count"] == 2


def test_the_live_index_takes_no_writes(plain_cluster: Cluster, alias: str) -> None:
    plan = ready_plan(plain_cluster, alias)
    promote(plain_cluster, plan, now=NOW)
    assert observe_alias(plain_cluster, plan.write_alias).members == ()
    with pytest.raises(SparseIndexError, match="cluster_block_exception"):
        plain_cluster.put(f"/{alias}/_doc/1", {"n": 1})


def test_promoting_again_changes_nothing(plain_cluster: Cluster, alias: str) -> None:
    plan = ready_plan(plain_cluster, alias, documents=1)
    promote(plain_cluster, plan, now=NOW)
    assert promote(plain_cluster, plan, now=NOW).live == plan.candidate


def test_a_stale_plan_is_refused_before_anything_is_touched(plain_cluster: Cluster, alias: str) -> None:
    live = ready_plan(plain_cluster, alias)
    promote(plain_cluster, live, now=NOW)
    stale = ready_plan(plain_cluster, alias, live=None)
    with pytest.raises(BuildError, match="Lost race"):
        promote(plain_cluster, stale, now=NOW)
    assert observe_alias(plain_cluster, alias).members == (live.candidate,)


def test_a_candidate_without_closed_books_is_refused(plain_cluster: Cluster, alias: str) -> None:
    plan = make_plan(corpus_config(alias))
    with pytest.raises(BuildError, match="gone, not complete"):
        promote(plain_cluster, plan, now=NOW)


def test_a_late_write_after_reconcile_is_noticed(plain_cluster: Cluster, alias: str) -> None:
    plan = ready_plan(plain_cluster, alias, documents=2)
    plain_cluster.put(f"/{plan.candidate}/_doc/late", {"n": 9})
    with pytest.raises(BuildError, match="has 3 documents, reconcile counted 2"):
        promote(plain_cluster, plan, now=NOW)


def test_a_limited_build_never_goes_live(plain_cluster: Cluster, alias: str) -> None:
    plan = ready_plan(plain_cluster, alias, promotes=False)
    with pytest.raises(BuildError, match="never goes live"):
        promote(plain_cluster, plan, now=NOW)


def test_an_alias_on_two_indices_is_refused(plain_cluster: Cluster, alias: str) -> None:
    plans = [ready_plan(plain_cluster, alias) for _ in range(2)]
    for plan in plans:
        plain_cluster.post("/_aliases", {"actions": [{"add": {"index": plan.candidate, "alias": alias}}]})
    with pytest.raises(BuildError, match="points to 2 indices"):
        promote(plain_cluster, ready_plan(plain_cluster, alias, live=plans[0].candidate), now=NOW)


def test_an_index_with_the_aliass_name_is_refused(plain_cluster: Cluster, alias: str) -> None:
    plain_cluster.put(f"/{alias}")
    try:
        with pytest.raises(BuildError, match="is the name of an index"):
            promote(plain_cluster, ready_plan(plain_cluster, alias), now=NOW)
    finally:
        plain_cluster.delete(f"/{alias}")


class LosesTheAnswer(Cluster):
    """The cluster does what it is asked, but the answer to `_aliases` never arrives."""

    def __init__(self, real: Cluster) -> None:
        self.real = real

    def request(self, method: str, path: str, *arguments: object, **options: object) -> object:
        answer = self.real.request(method, path, *arguments, **options)  # type: ignore[arg-type]
        if path == "/_aliases":
            raise UnavailableError("POST /_aliases: connection reset")
        return answer


def test_a_lost_answer_is_not_a_lost_race(plain_cluster: Cluster, alias: str) -> None:
    plan = ready_plan(plain_cluster, alias)
    assert promote(LosesTheAnswer(plain_cluster), plan, now=NOW).live == plan.candidate


def builds(cluster: Cluster, alias: str, count: int) -> list[Plan]:
    """`count` promoted builds, oldest first, each a day younger."""
    plans: list[Plan] = []
    for day in range(1, count + 1):
        live = plans[-1].candidate if plans else None
        plan = ready_plan(cluster, alias, live=live, build_id=f"202503{day:02d}T060000-{day:06x}")
        promote(cluster, plan, now=NOW)
        plans.append(plan)
    return plans


def test_retire_keeps_the_configured_generations(plain_cluster: Cluster, alias: str) -> None:
    plans = builds(plain_cluster, alias, 4)
    config = corpus_config(alias, retention={"generations": 1})
    assert retire(plain_cluster, config).removed == [plans[1].candidate, plans[0].candidate]
    assert [index.name for index in own_indices(plain_cluster, alias)] == [plans[3].candidate, plans[2].candidate]
    assert retire(plain_cluster, config) == Tidied([], [], kept=[plans[2].candidate])


class RolledBackMeanwhile(Cluster):
    """Just after its first change of an index somebody moves the alias to another index."""

    def __init__(self, real: Cluster, alias: str, former: str, to: str) -> None:
        self.real, self.alias = real, alias
        self.former: str | None = former
        self.to = to

    def request(self, method: str, path: str, *arguments: object, **options: object) -> object:
        answer = self.real.request(method, path, *arguments, **options)  # type: ignore[arg-type]
        if method == "PUT" and self.former is not None:
            switch_alias(self.real, self.alias, former=self.former, to=self.to)
            self.former = None
        return answer


def test_a_generation_that_a_rollback_makes_live_is_not_retired(plain_cluster: Cluster, alias: str) -> None:
    oldest, surplus, kept, live = (plan.candidate for plan in builds(plain_cluster, alias, 4))
    plain_cluster.put(f"/{kept}/_settings", {"index.number_of_replicas": 1})
    meanwhile = RolledBackMeanwhile(plain_cluster, alias, former=live, to=oldest)
    assert retire(meanwhile, corpus_config(alias, retention={"generations": 1})).removed == [surplus]
    assert observe_alias(plain_cluster, alias).index == oldest
    assert [index.name for index in own_indices(plain_cluster, alias)] == [live, kept, oldest]


def test_a_failed_candidate_is_no_generation(plain_cluster: Cluster, alias: str) -> None:
    plans = builds(plain_cluster, alias, 2)
    failed = ready_plan(plain_cluster, alias, live=plans[1].candidate, build_id="20250303T070000-abcdef")
    assert retire(plain_cluster, corpus_config(alias)) == Tidied([], [], kept=[plans[0].candidate])
    older_than = "20250309T000000-000000"
    assert remove_failed_candidates(plain_cluster, alias, older_than, lambda _: True) == Tidied([], [])
    assert remove_failed_candidates(plain_cluster, alias, older_than, lambda _: False).removed == [failed.candidate]
    assert {index.name for index in own_indices(plain_cluster, alias)} == {plan.candidate for plan in plans}


def test_the_former_index_is_marked_even_if_its_own_promotion_died(plain_cluster: Cluster, alias: str) -> None:
    first = ready_plan(plain_cluster, alias)
    add = {"add": {"index": first.candidate, "alias": alias, "is_write_index": True}}
    plain_cluster.post("/_aliases", {"actions": [add]})
    promote(plain_cluster, ready_plan(plain_cluster, alias, live=first.candidate), now=NOW)
    meta = read_meta(plain_cluster, first.candidate)
    assert meta is not None
    assert meta.promoted_at == NOW


def test_a_live_index_is_never_removed(plain_cluster: Cluster, alias: str) -> None:
    plan = builds(plain_cluster, alias, 1)[0]
    with pytest.raises(BuildError, match="never deleted"):
        remove_candidate(plain_cluster, alias, plan.candidate)
    other = ready_plan(plain_cluster, alias, live=plan.candidate)
    assert remove_candidate(plain_cluster, alias, other.candidate)
    assert not remove_candidate(plain_cluster, alias, other.candidate)
