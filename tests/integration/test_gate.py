"""Bad candidates on the real server, each stopped by the check that is for it; good ones are let through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bad_candidates import COUNT, Change, Scene, Sources, edited, emptied, halved, scene_of, shuffled, verdicts
from build_plans import remove_indices
from local_cluster import LocalCluster
from real_builds import built, documents, indexed, planned, real_config, rows, write_corpus
from sparse_index.books.reconcile import reconcile
from sparse_index.builds.check import Verdict, failed
from sparse_index.builds.ending import Ending
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.receipt import receipt_lines, write_receipt
from sparse_index.builds.reports import gate_report
from sparse_index.builds.request import Mode
from sparse_index.cli.main import main
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.gate.gate import gate
from sparse_index.vectors.sparse import SparseVector, sparse_vector

pytestmark = pytest.mark.integration

ALTERED = "d7"


def vector(text_hash: str) -> SparseVector:
    """Six of fifty words, and one that every text has."""
    chance = random.Random(text_hash)
    weights = {f"word{number}": float(np.float32(chance.uniform(0.2, 2))) for number in chance.sample(range(50), 6)}
    ordered = sorted((weights | {"common": 1.0}).items(), key=lambda pair: (-pair[1], pair[0]))
    return SparseVector(tuple(token for token, _ in ordered), tuple(weight for _, weight in ordered))


@pytest.fixture(scope="module")
def scene(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder, limits = tmp_path_factory.mktemp("gate"), {"max_empty_share": 0.05}
    config = real_config("gate-test", folder, retention={"generations": 3}, limits=limits)
    with scene_of(plain_cluster, config, vector) as found:
        yield found


def test_what_a_delta_build_made_is_good(scene: Scene) -> None:
    checks = scene.checks(scene.plan.candidate)
    assert verdicts(checks) == {
        "counts": "pass",
        "stored vectors": "pass",
        "drift": "pass",
        "unchanged documents": "pass",
        "top 10": "pass",
        "latency": "skipped",
        "golden": "skipped",
        "canaries": "skipped",
    }
    assert all(check.words for check in checks)


def altered(sources: Sources) -> Sources:
    sources[ALTERED]["text_sparse"] = {token: 3 * weight for token, weight in sources[ALTERED]["text_sparse"].items()}
    return sources


@pytest.mark.parametrize(
    ("name", "change", "by"),
    [
        ("shuffled-all", shuffled(1), {"stored vectors", "unchanged documents", "top 10"}),
        ("shuffled-10", shuffled(10), {"stored vectors"}),
        ("shuffled-1", shuffled(100), {"stored vectors"}),
        ("emptied", emptied(), {"stored vectors", "drift", "unchanged documents"}),
        ("halved", halved, {"counts", "unchanged documents", "top 10"}),
        ("altered", altered, {"stored vectors", "unchanged documents"}),
    ],
)
def test_a_bad_candidate_is_stopped_by_the_checks_for_it(scene: Scene, name: str, change: Change, by: set[str]) -> None:
    assert by <= {check.name for check in failed(scene.bad(name, change))}


def test_a_forced_merge_changes_nothing(scene: Scene) -> None:
    merged = scene.copy("merged")
    scene.cluster.post(f"/{merged}/_forcemerge", max_num_segments="1")
    assert failed(scene.checks(merged)) == []


def test_the_command_line_compares_any_two_indices(
    scene: Scene, plain_server: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gate-test.yaml"
    file.write_text(yaml.safe_dump(scene.config.model_dump(mode="json", exclude_unset=True)))
    ask = ["gate", str(file), "--against", scene.live, "--url", plain_server.url, "--index"]
    assert main([*ask, scene.plan.candidate]) == 0
    assert "unchanged documents  pass" in capsys.readouterr().out
    copy = scene.copy("by-hand")
    scene.cluster.post(f"/{copy}/_delete_by_query", {"query": {"term": {"id": "d1"}}}, refresh="true")
    assert main([*ask, copy]) == 1
    shown = capsys.readouterr()
    assert "counts               fail             299       300" in shown.out
    assert f"{copy} would not go live: counts" in shown.err


def test_the_gate_keeps_its_table_when_it_refuses_and_lets_the_next_build_through(scene: Scene) -> None:
    cluster, config, store = scene.cluster, scene.config, scene.store
    write_corpus(config, edited(6))
    plan = planned(cluster, config)
    indexed(cluster, config, plan, vector=vector)
    reconcile(cluster, store, plan)
    cluster.post(f"/{plan.candidate}/_delete_by_query", {"query": {"terms": {"id": ["d1", "d2"]}}}, refresh="true")
    with pytest.raises(
        BuildError, match=rf"The gate refuses {plan.candidate}: counts: 298 documents, its books say 300"
    ):
        gate(cluster, store, plan)
    report = gate_report(store, plan)
    assert report is not None
    looked = {"encoder", "counts", "stored vectors", "drift", "unchanged documents", "top 10", "latency"}
    assert looked | {"golden", "canaries"} == {check.name for check in report.checks}
    content = write_receipt(store, plan, Ending("failed", scene.live, plan.created_at))
    shown = "\n".join(receipt_lines(content))
    assert "counts               fail             298       300  298 documents, its books say 300" in shown

    full = planned(cluster, config, Mode.FULL)
    assert built(cluster, config, full, vector=vector).documents == COUNT
    resharded = config.model_copy(update={"index": config.index.model_copy(update={"shards": 2})})
    other = planned(cluster, resharded)
    assert other.kind is BuildKind.FULL
    built(cluster, resharded, other, vector=vector)
    good = gate_report(store, other)
    assert good is not None
    assert verdicts(good.checks)["unchanged documents"] == Verdict.PASS


def test_a_rebuild_with_pruned_weights_is_not_refused(plain_cluster: Cluster, tmp_path: Path) -> None:
    """Another encoder for the package: everything is encoded anew, and only golden queries could tell it from a worse one."""
    config = real_config("gate-pruned", tmp_path)
    try:
        write_corpus(config, rows(COUNT))
        built(plain_cluster, config, planned(plain_cluster, config), vector=with_a_tail)
        whole = documents(plain_cluster, config.alias)
        pruned = real_config("gate-pruned", tmp_path, encoder={"pruning": {"type": "max_ratio", "value": 0.1}})
        plan = planned(plain_cluster, pruned)
        assert (plan.kind, plan.counts.texts_to_encode) == (BuildKind.FULL, COUNT)
        built(plain_cluster, pruned, plan, vector=lambda name: pruned_by(pruned, with_a_tail(name)))
        kept = documents(plain_cluster, config.alias)
        assert all(len(kept[name]["text_sparse"]) < len(whole[name]["text_sparse"]) for name in whole)
    finally:
        remove_indices(plain_cluster, config.alias)


def with_a_tail(text_hash: str) -> SparseVector:
    """Twenty light words beside the heavy ones."""
    found, chance = vector(text_hash), random.Random(text_hash)
    tail = sorted((float(np.float32(chance.uniform(0.01, 0.09))) for _ in range(20)), reverse=True)
    light = [f"light{number}" for number in chance.sample(range(50), 20)]
    return SparseVector((*found.tokens, *light), (*found.weights, *tail))


def pruned_by(config: CorpusConfig, whole: SparseVector) -> SparseVector:
    return sparse_vector(dict(zip(whole.tokens, whole.weights, strict=True)), config.encoder.pruning)


def by_hand(cluster: Cluster, index: str, what: str) -> None:
    """One document of a live index is another one than the build made."""
    cluster.put(f"/{index}/_settings", {"index.blocks.write": None})
    change: dict[str, tuple[str, str, dict[str, Any] | None]] = {
        "vector": ("POST", f"_update/{ALTERED}", {"doc": {"text_sparse": {"common": 9.0}}}),
        "column": ("POST", f"_update/{ALTERED}", {"doc": {"title": "of somebody"}}),
        "deleted": ("DELETE", f"_doc/{ALTERED}", None),
        "added": ("PUT", "_doc/stranger", {"title": "of somebody", "text_sparse": {"common": 1.0}}),
    }
    verb, path, body = change[what]
    cluster.request(verb, f"/{index}/{path}", body, params={"refresh": "true"})


@pytest.mark.parametrize(
    ("what", "delta", "full"),
    [
        (
            "vector",
            "stored vectors: 1 of 91 .* d7 has another vector",
            "and the live index has not: somebody altered it",
        ),
        ("column", "Run with mode full", None),
        ("deleted", "with mode full", "and the live index has not: somebody altered it"),
        ("added", "with mode full", None),
    ],
)
def test_a_live_index_altered_by_hand_is_put_right_by_a_full_run_with_an_accepted_change(
    plain_cluster: Cluster, tmp_path: Path, what: str, delta: str, full: str | None
) -> None:
    """`delta`, `full`: why a run without that is refused."""
    config = real_config(f"gate-{what}", tmp_path)
    try:
        write_corpus(config, rows(90))
        first = planned(plain_cluster, config)
        built(plain_cluster, config, first, vector=vector)
        right = documents(plain_cluster, config.alias)
        by_hand(plain_cluster, first.candidate, what)
        write_corpus(config, rows(91))
        with pytest.raises(BuildError, match=delta):
            built(plain_cluster, config, planned(plain_cluster, config), vector=vector)
        if full is not None:
            with pytest.raises(BuildError, match=full):
                built(plain_cluster, config, planned(plain_cluster, config, Mode.FULL), vector=vector)
        accepted = planned(plain_cluster, config, Mode.FULL, accept_mass_change=True)
        assert accepted.counts.encoded == 0
        built(plain_cluster, config, accepted, vector=vector)
        there = documents(plain_cluster, config.alias)
        assert {name: there[name] for name in right} == right
        assert there.keys() - right.keys() == {"d90"}
        write_corpus(config, rows(89))
        assert built(plain_cluster, config, planned(plain_cluster, config), vector=vector).documents == 89
    finally:
        remove_indices(plain_cluster, config.alias)
