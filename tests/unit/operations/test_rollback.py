"""Going back while somebody tidies up, is cut off, or has no room: without a live index that has no replicas unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from build_plans import NOW, corpus_config, make_plan, no_sleep
from fake_generations import FakeGenerations
from sparse_index.errors import BuildError
from sparse_index.index.promote import Promotion
from sparse_index.live.generations import kept_and_surplus, own_indices, previous
from sparse_index.live.meta import meta_of
from sparse_index.operations.rollback import PREVIOUS, Rollback, Target, choose_target, roll_back
from sparse_index.store.files import Store
from sparse_index.timing import Timing

CONFIG = corpus_config("things", index={"replicas": 1}, retention={"generations": 1})
BUILDS = [f"2025030{day}T060000-00000{day}" for day in (1, 2, 3)]


@pytest.fixture
def things() -> FakeGenerations:
    return FakeGenerations(CONFIG, *BUILDS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def back(things: FakeGenerations, store: Store, to: str = PREVIOUS, *, replicas_follow: bool = False) -> Rollback:
    """With a clock that stands still: whoever waits fails."""
    target = choose_target(things.cluster, CONFIG, to, now=NOW, run_id="r1", replicas_follow=replicas_follow)
    return roll_back(things.cluster, store, CONFIG, target, now=NOW, timing=Timing(lambda: 0.0, no_sleep))


def cut_off_after_the_switch(things: FakeGenerations, store: Store, to: str) -> None:
    """As by a kill before the first mark."""

    def refuse(method: str, path: str) -> None:
        if things.live != things.names[-1]:
            raise KeyboardInterrupt

    things.before = refuse
    with pytest.raises(KeyboardInterrupt):
        back(things, store, to)
    things.before = lambda method, path: None


def test_replicas_that_somebody_takes_away_meanwhile_are_asked_for_again(things: FakeGenerations, store: Store) -> None:
    _, second, _ = things.names
    taken = iter([True])

    def retire(method: str, path: str) -> None:
        if path.startswith("/_cluster/health") and next(taken, False):
            things.settings[second]["index.number_of_replicas"] = "0"

    things.before = retire
    target = choose_target(things.cluster, CONFIG, PREVIOUS, now=NOW, run_id="r1")
    done = roll_back(things.cluster, store, CONFIG, target, now=NOW, timing=Timing(lambda: 0.0, lambda _: None))
    assert (things.live, things.replicas(second), done.health) == (second, 1, "green")


def test_a_rollback_that_was_cut_off_after_its_switch_is_finished_by_its_name(
    things: FakeGenerations, store: Store
) -> None:
    _, second, third = things.names
    cut_off_after_the_switch(things, store, PREVIOUS)
    assert (things.live, things.withdrawn) == (second, [])
    done = back(things, store, second)
    assert (done.live, done.former, things.live) == (second, third, second)
    assert (things.withdrawn, things.replicas(third)) == ([third], 0)
    with pytest.raises(BuildError, match=f"has no generation '{second}' to go back to; live is {second}"):
        back(things, store, second)


def test_one_that_undid_another_is_finished_likewise(things: FakeGenerations, store: Store) -> None:
    first, _, third = things.names
    back(things, store, first)
    target = choose_target(things.cluster, CONFIG, third, now=NOW, run_id="r1")
    things.live = third
    assert things.meta(third).withdrawn_at is not None
    assert choose_target(things.cluster, CONFIG, third, now=NOW, run_id="r1") == target
    assert back(things, store, third).former == first
    assert things.meta(third).withdrawn_at is None


def test_the_previous_generation_is_the_one_that_was_live_before_and_the_one_that_is_kept(
    things: FakeGenerations, store: Store
) -> None:
    """Also after a rollback that went over one."""
    first, second, third = things.names
    back(things, store, first)
    assert things.withdrawn == [second, third]
    plan = make_plan(CONFIG, live_index=first, build_id="20250304T060000-000004")
    things.names.append(plan.candidate)
    things.settings[plan.candidate] = {"index.number_of_replicas": "1"}
    things.mark(plan.candidate, meta_of(plan).model_copy(update={"promoted_at": NOW}))
    things.live = plan.candidate
    promotion, own = Promotion(plan.candidate, plan.live_index, 1), own_indices(things.cluster, "things")
    before = previous(own)
    assert before is not None
    assert kept_and_surplus(own, CONFIG)[0] == [before]
    assert before.name == promotion.former == first


def test_one_that_the_alias_leaves_meanwhile_is_not_marked_by_whom_it_left(
    things: FakeGenerations, store: Store
) -> None:
    """Two go back at once, to different ones: the second finds its index as it made it."""
    _, second, third = things.names

    def forward(method: str, path: str) -> None:
        if things.live == second and things.requests[-2] == ("POST", "/_aliases"):
            things.live = third

    things.before = forward
    back(things, store)
    assert (things.live, things.withdrawn) == (third, [])


def test_a_newer_one_that_is_read_only_keeps_no_other_from_its_mark(things: FakeGenerations, store: Store) -> None:
    first, second, third = things.names
    things.settings[second]["index.blocks.read_only"] = "true"
    back(things, store, first)
    assert things.withdrawn == [third]
    assert ("PUT", f"/{second}/_mapping") not in things.requests


def test_full_disks_are_not_waited_for_and_the_way_out_is_said(things: FakeGenerations, store: Store) -> None:
    things.refused = {"disk_threshold": "the node is above the low watermark"}
    with pytest.raises(
        BuildError, match=r"\(disk_threshold: the node is above .*Or go back at once .*--replicas-follow"
    ):
        back(things, store)
    assert (things.live, things.withdrawn) == (things.names[-1], [])
    assert things.replicas(things.names[1]) == 0, "nothing was changed"


def test_replicas_may_follow_when_that_is_asked_for(things: FakeGenerations, store: Store) -> None:
    _, second, _ = things.names
    things.refused = {"disk_threshold": "the node is above the low watermark"}
    done = back(things, store, replicas_follow=True)
    assert (things.live, things.replicas(second), done.health) == (second, 1, "yellow")
    assert (
        done.notes[-1]
        == f"its replicas were not waited for: GET /_cluster/health/{second} is green once they are there"
    )


def test_a_target_that_the_former_version_chose_is_read() -> None:
    chosen = {"alias": "things", "index": "b1", "live": "b2", "chosen_at": "2026-01-02T00:00:00Z", "run_id": "r"}
    target = Target.model_validate(chosen)
    assert target.former == "b2"
    assert Target.model_validate(target.model_dump(mode="json")) == target
