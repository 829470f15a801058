"""Forgetting is killed before each thing it changes, in turn (in the short form before every fifth): run again it ends
where it would have ended."""

from __future__ import annotations

import pytest

from changes import Killed, Life
from chaos_table import dice, times
from fake_runs import FakeRuns
from forgetting import forgotten, holding, now, site
from real_builds import MakeConfig, built, documents, indexed, planned, rows, text_hash_of, write_corpus
from sparse_index.builds.plan import BuildKind
from sparse_index.cluster.client import Cluster
from sparse_index.live.generations import own_indices
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.store.files import Store
from sparse_index.vectors.sparse import SparseVector

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT = 80


def vector(text_hash: str) -> SparseVector:
    return SparseVector((f"token-{text_hash}", "other"), (2.0, 1.0))


def text_of(document: str) -> str:
    return f"secret-{document}-"


def test_killed_before_any_change_it_is_ended_by_a_repeat(
    plain_cluster: Cluster, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("forget", retention={"generations": 3})
    store = Store(config.store)
    content = [row | {"body": text_of(row["id"])} for row in rows(COUNT)]
    plans = []
    for day in range(3):
        write_corpus(config, [row | {"stock": day} for row in content])
        plans.append(planned(plain_cluster, config))
        if day < 2:
            built(plain_cluster, config, plans[-1], vector=vector)
    indexed(plain_cluster, config, plans[-1], vector=vector)
    hashes = {row["id"]: text_hash_of(store, plans[0], row["id"]) for row in content}
    runs = FakeRuns({plan.build_id: False for plan in plans})
    place, life, gone = site(plain_cluster, config, runs), Life().watch(monkeypatch), set[str]()

    every = times(5, 1)
    for changes in range(dice("forget").randrange(every), COUNT - 10, every):
        document = f"d{changes}"
        life.left, gone = changes, gone | {document}
        try:
            forgotten(place, document)
        except Killed:
            life.left = float("inf")
        else:
            break
        record = forgotten(place, document)
        assert record.ended_at is not None
        assert holding(store, text_of(document)) == holding(store, hashes[document]) == [], changes
        for index in own_indices(plain_cluster, config.alias):
            held = documents(plain_cluster, index.name)
            assert held.keys() == {row["id"] for row in content} - gone, (changes, index.name)
            assert index.meta.documents in (None, len(held)), (changes, index.name)
            is_open = "index.blocks.write" not in index.attached.settings
            assert is_open == index.is_failed_candidate, (changes, index.name)
            assert "index.merge.policy.expunge_deletes_allowed" not in index.attached.settings
    else:
        pytest.fail("it changes more than there are documents to forget: make COUNT larger")
    assert changes > 20, "it changes more than that"
    life.left = float("inf")

    target = choose_target(plain_cluster, config, PREVIOUS, now=now(), run_id="back")
    assert roll_back(plain_cluster, store, config, target, now=now()).documents == COUNT - len(gone)
    first_day = [row | {"stock": 0} for row in content]
    write_corpus(config, [row for row in first_day if row["id"] not in gone])
    assert planned(plain_cluster, config).kind is BuildKind.NOTHING
    write_corpus(config, first_day)
    following = planned(plain_cluster, config)
    assert (following.kind, following.counts.new) == (BuildKind.DELTA, len(gone))
    assert built(plain_cluster, config, following, vector=vector).documents == COUNT
