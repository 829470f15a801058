"""Forgetting on the real server: nothing is left of a document, everything else is as it was, and the next day goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import remove_indices
from fake_runs import FakeRuns
from forgetting import forgotten, holding, now, site
from kinds_of_vectors import SPARSE
from real_builds import built, documents, indexed, planned, real_config, rows, text_hash_of, write_corpus
from sparse_index.builds.ending import Ending, Stage
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.receipt import write_receipt
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.live.meta import read_meta
from sparse_index.operations.forget import load_forgotten, look
from sparse_index.operations.given_ids import given_ids
from sparse_index.operations.messages import forget_messages
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths
from sparse_index.vectors.probe import Probe, kept_probes, write_probes
from sparse_index.vectors.sparse import SparseVector

pytestmark = pytest.mark.integration

COUNT = 40
MARKER = "qzqzmarker"
IDS = ("forget-me", "shared-a", "refused", "nobody")
PROBED = ("forget-me", "shared-a", "d1", "any")


def vector(text_hash: str) -> SparseVector:
    return SparseVector((f"token-{text_hash}", "other"), (2.0, 1.0))


def edition(number: int) -> list[dict[str, Any]]:
    """The text of `forget-me` and that of the last row change every day, `shared-a` and `shared-b` have the same text."""
    content = rows(COUNT)
    content[3] |= {"id": "forget-me", "title": MARKER, "body": f"{MARKER} of day {number}"}
    content[5] |= {"id": "shared-a", "title": "same", "body": "words"}
    content[6] |= {"id": "shared-b", "title": "same", "body": "words"}
    content[8] |= {"id": "refused", "title": MARKER, "body": "a text that the model refused"}
    content[-1] |= {"body": f"of day {number}"}
    return content


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"forget-{uuid4().hex[:6]}", tmp_path, retention={"generations": 2})
    yield config
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def store(config: CorpusConfig) -> Store:
    return Store(config.store)


@pytest.fixture
def plans(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> list[Plan]:
    """Two days; the text of `refused` was refused on both."""
    made: list[Plan] = []
    for day in range(2):
        write_corpus(config, edition(day))
        plan = planned(plain_cluster, config)
        built(plain_cluster, config, plan, without={text_hash_of(store, plan, "refused")}, vector=vector)
        said = {"encode": "Part 1 failed: id forget-me, predict_failed", "gate": "17 of 40 documents"}
        stages = [Stage(name, 1.0, done=False, failure=failure) for name, failure in said.items()]
        write_receipt(store, plan, Ending("promoted", plan.candidate, now(), stages=stages))
        made.append(plan)
    write_probes(store, made[0].fingerprint, SPARSE, [probe(store, made[0], name) for name in PROBED])
    return made


def probe(store: Store, plan: Plan, name: str) -> Probe:
    """One of a document, or one of no document."""
    text_hash = name if name == "any" else text_hash_of(store, plan, name)
    text = MARKER if name == "forget-me" else "words"
    return Probe(text_hash, text, of_corpus=name != "any", vector=vector(text_hash))


def ended(*plans: Plan) -> FakeRuns:
    return FakeRuns({plan.build_id: False for plan in plans})


def hashes(store: Store, plan: Plan) -> set[str]:
    files = vector_paths(store, plan.fingerprint)
    return {name for path in files for name in store.read_table(path).column("text_hash").to_pylist()}


def settings(cluster: Cluster, index: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(f"/{index}/_settings", flat_settings="true")[index]["settings"]
    return found


def test_nothing_is_left_of_a_document_and_all_else_goes_on(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, plans: list[Plan]
) -> None:
    before = {plan.candidate: documents(plain_cluster, plan.candidate) for plan in plans}
    closed = {plan.candidate: settings(plain_cluster, plan.candidate) for plan in plans}
    theirs = {text_hash_of(store, plan, "forget-me") for plan in plans}
    shared = text_hash_of(store, plans[0], "shared-b")
    known = hashes(store, plans[0])
    store.write_bytes(f"{config.alias}/manifests/.x.parquet.0123abcd.tmp", MARKER.encode())
    assert len(theirs) == 2
    assert holding(store, MARKER)
    assert any(holding(store, name) for name in theirs)

    done = forgotten(site(plain_cluster, config, ended(*plans)), *IDS, patient=True)

    for word in (MARKER, "forget-me", "shared-a", *theirs):
        assert holding(store, word) == [], word
    assert hashes(store, plans[0]) == known - theirs
    assert shared in known, "another document has the same text"
    probed = [probe(store, plans[0], name).text_hash for name in ("shared-b", "d1", "any")]
    assert [kept.text_hash for kept in kept_probes(store, plans[0].fingerprint, SPARSE)] == probed
    for plan in plans:
        rest = {name: source for name, source in before[plan.candidate].items() if name not in IDS}
        assert len(rest) == COUNT - 3
        assert documents(plain_cluster, plan.candidate) == rest
        meta = read_meta(plain_cluster, plan.candidate)
        assert meta is not None
        assert meta.documents == len(rest)
        stats = plain_cluster.get(f"/{plan.candidate}/_stats/docs")["_all"]["total"]["docs"]
        assert stats["deleted"] == 0, "Lucene holds nothing of them"
        assert settings(plain_cluster, plan.candidate) == closed[plan.candidate]
    assert store.read_json(f"{plans[0].folder}/receipt.json")["failures"]["gate"] == "17 of 40 documents"

    assert load_forgotten(store, done.record) == done
    assert (done.ids, done.not_there, done.run_id) == (4, 1, "privacy")
    assert done.documents == {plan.candidate: 2 for plan in plans}
    assert (done.vectors, done.dead_letters) == (2, 4), "an encode and an index letter a day"
    assert done.ended_at is not None
    assert "what the corpus still holds comes back with the next run as new: remove it there" in done.notes
    assert len(done.notes) == 2

    again = forgotten(site(plain_cluster, config, ended(*plans)), *IDS)
    assert (again.not_there, again.documents, again.rows, again.dead_letters, again.vectors) == (4, {}, 0, 0, 0)

    target = choose_target(plain_cluster, config, PREVIOUS, now=now(), run_id="back")
    assert roll_back(plain_cluster, store, config, target, now=now()).documents == COUNT - 3

    write_corpus(config, [row for row in edition(1) if row["id"] not in IDS])
    gone = planned(plain_cluster, config)
    assert (gone.kind, gone.counts.new, gone.counts.deleted, gone.counts.text_changed) == (BuildKind.DELTA, 0, 0, 1)
    assert built(plain_cluster, config, gone, vector=vector).documents == COUNT - 3

    write_corpus(config, edition(1))
    back = planned(plain_cluster, config)
    assert (back.counts.new, back.counts.texts_to_encode) == (3, 2), "as new, and one vector is still known"
    assert built(plain_cluster, config, back, vector=vector).documents == COUNT


def test_what_is_in_the_way_is_named_before_anything_is_changed(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, plans: list[Plan]
) -> None:
    former, live = plans
    ids, files = given_ids(config, IDS), store.listing()

    def refusal(runs: FakeRuns | None) -> str:
        with pytest.raises(BuildError) as caught:
            look(site(plain_cluster, config, runs), ids, now=now(), run_id="r")
        assert store.listing() == files
        return caught.value.message

    assert f"'{config.alias}' has a run now" in refusal(FakeRuns({live.build_id: True}))
    assert f"'{config.alias}' has a run now" in refusal(FakeRuns({}, running={config.alias}))
    plain_cluster.put(f"/{live.candidate}/_settings", {"index.blocks.read_only": True})
    plain_cluster.post(f"/{former.candidate}/_close")
    said = refusal(ended(*plans))
    plain_cluster.put(f"/{live.candidate}/_settings", {"index.blocks.read_only": None})
    plain_cluster.post(f"/{former.candidate}/_open")
    assert f'{live.candidate} is read-only: PUT /{live.candidate}/_settings {{"index.blocks.read_only": null}}' in said
    assert f"{former.candidate} is closed: POST /{former.candidate}/_open" in said
    for name in ("manifest-final", "manifest"):
        store.delete(f"{former.folder}/{name}.parquet")
    files = store.listing()
    assert f"{former.folder}/manifest-final.parquet cannot be found" in refusal(ended(*plans))


def test_a_run_that_begins_meanwhile_is_noticed(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site(plain_cluster, config, ended(*plans))

    def with_a_run(*arguments: Any) -> None:
        forget_messages(*arguments)
        store.write_json(f"{config.alias}/builds/{now() + timedelta(seconds=5):%Y%m%dT%H%M%S}-abcdef/receipt.json", {})

    monkeypatch.setattr("sparse_index.operations.forget.forget_messages", with_a_run)
    with pytest.raises(BuildError, match="has begun and ended meanwhile, and may have taken the documents along"):
        forgotten(place, "forget-me")
    monkeypatch.undo()
    assert forgotten(place, "forget-me").ended_at is not None


def test_a_candidate_whose_build_was_killed_while_it_was_written_is_forgotten_in_too(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    """Nothing of it was ever refreshed, so no search has seen it."""
    write_corpus(config, edition(0))
    killed = planned(plain_cluster, config)
    indexed(plain_cluster, config, killed, vector=vector)
    done = forgotten(site(plain_cluster, config, ended(killed)), *IDS)
    assert done.documents == {killed.candidate: 3}
    plain_cluster.post(f"/{killed.candidate}/_refresh")
    assert documents(plain_cluster, killed.candidate).keys() == {row["id"] for row in edition(0)} - set(IDS)
