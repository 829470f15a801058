"""What golden queries decide on the real server: forty documents, each found by its number, and encoders that lose some."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from numbered import numbers, write_golden
from real_builds import MODEL_ZIP, built, indexed, planned, real_config, rows, write_corpus
from sparse_index.books.reconcile import reconcile
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import gate_report
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, ConfigError
from sparse_index.gate.gate import compare, gate
from sparse_index.gate.golden import CANARIES, GOLDEN
from sparse_index.live.alias import observe_alias
from sparse_index.relevance.golden import GoldenQuery, write_queries
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path

pytestmark = pytest.mark.integration
ALIAS = "golden-gate-test"
DOCUMENTS, QUERIES = 40, 30


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    """The golden set asks for each of thirty documents by its number; one of them is a canary."""
    golden = write_golden(tmp_path / "golden", QUERIES)
    config = real_config(ALIAS, tmp_path, gate={"golden": str(golden)})
    write_corpus(config, rows(DOCUMENTS))
    yield config
    plain_cluster.delete(f"/{ALIAS}--b*")


def with_encoder(config: CorpusConfig, version: str) -> CorpusConfig:
    model = {"source": "file", "name": "toy-sparse", "version": version, "path": str(MODEL_ZIP)}
    return CorpusConfig.model_validate(config.model_dump() | {"encoder": {"model": model}})


def promoted(cluster: Cluster, config: CorpusConfig) -> Plan:
    plan = planned(cluster, config)
    built(cluster, config, plan, vector=numbers(plan))
    return plan


def candidate(cluster: Cluster, config: CorpusConfig, loses: Collection[int]) -> Plan:
    """Complete, and not looked at by the gate."""
    plan = planned(cluster, config)
    indexed(cluster, config, plan, vector=numbers(plan, loses))
    reconcile(cluster, Store(config.store), plan)
    return plan


def checks(plan: Plan) -> dict[str, Check]:
    report = gate_report(Store(plan.config.store), plan)
    assert report is not None
    return {check.name: check for check in report.checks}


def told(plan: Plan, *, request: dict[str, Any] | None = None, **settings: Any) -> Plan:
    """The plan of a file with other settings of the gate, or of another request."""
    told_gate = plan.config.gate.model_copy(update=settings)
    config = plan.config.model_copy(update={"gate": told_gate})
    return plan.model_copy(update={"config": config, "request": plan.request.model_copy(update=request or {})})


def test_a_worse_encoder_declared_honestly_is_stopped_by_golden(plain_cluster: Cluster, config: CorpusConfig) -> None:
    first = promoted(plain_cluster, config)
    assert checks(first)[GOLDEN].verdict is Verdict.PASS
    assert "There is no live index. nDCG@10 1.000 over 30 queries, by BM25" in checks(first)[GOLDEN].words
    worse = candidate(plain_cluster, with_encoder(config, "2.0.0"), loses=range(1, 16))
    with pytest.raises(
        BuildError, match=r"golden: nDCG@10 1\.000 -> 0\.500 \(-0\.500, 95 % interval .* fail.*Lost most"
    ):
        gate(plain_cluster, Store(config.store), worse)
    report = gate_report(Store(config.store), worse)
    assert report is not None
    assert {(each.id, each.ndcg) for each in report.moved} == {(f"q{number}", -1) for number in range(1, 16)}
    found = compare(plain_cluster, Store(config.store), config, worse.candidate, first.candidate, seed="test")
    assert Verdict.FAIL in [check.verdict for check in found if check.name == GOLDEN]
    lost_canary = candidate(plain_cluster, with_encoder(config, "2.0.1"), loses=[0])
    with pytest.raises(
        BuildError, match="canaries: 1 of 1 canaries miss a document: q0 'number 0' did not find d0 among"
    ):
        gate(plain_cluster, Store(config.store), told(lost_canary, undecided="pass"))
    assert observe_alias(plain_cluster, ALIAS).index == first.candidate


def test_a_new_text_template_hides_no_worse_encoder(plain_cluster: Cluster, config: CorpusConfig) -> None:
    promoted(plain_cluster, config)
    source = config.source.model_copy(update={"text_template": "{body}"})
    worse = candidate(
        plain_cluster, with_encoder(config.model_copy(update={"source": source}), "2.0.0"), loses=range(1, 16)
    )
    with pytest.raises(BuildError, match=r"golden: nDCG@10 1\.000 -> 0\.500 .* over 30 queries: fail"):
        gate(plain_cluster, Store(config.store), worse)


def test_an_undecided_encoder_is_refused_passed_or_accepted_as_set(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    store = Store(config.store)
    first = promoted(plain_cluster, config)
    doubtful = candidate(plain_cluster, with_encoder(config, "2.0.0"), loses=[1, 2])
    with pytest.raises(BuildError, match=r"golden: nDCG@10 1\.000 -> 0\.933 .*undecided.*--accept-undecided REASON"):
        gate(plain_cluster, store, doubtful)
    with pytest.raises(BuildError, match="which only Airflow can"):
        gate(plain_cluster, store, told(doubtful, undecided="ask"))
    with pytest.raises(BuildError, match=r"below gate\.min_ndcg"):
        gate(plain_cluster, store, told(doubtful, undecided="pass", min_ndcg=0.95))
    for let_go in (
        told(doubtful, undecided="pass"),
        told(doubtful, request={"accept_undecided": "two rare numbers"}),
        told(doubtful, max_drop=0.2),
    ):
        gate(plain_cluster, store, let_go)
    assert checks(doubtful)[GOLDEN].verdict is Verdict.PASS, "a drop of 0.2 is let go"
    gate(plain_cluster, store, told(doubtful, undecided="ask"), can_ask=True)
    assert checks(doubtful)[GOLDEN].verdict is Verdict.UNDECIDED
    assert checks(doubtful)[CANARIES].verdict is Verdict.PASS

    lost = Path(config.store) / plan_path(ALIAS, first.build_id)
    lost.rename(lost.with_suffix(".lost"))
    gate(plain_cluster, store, told(doubtful, undecided="pass"))
    assert f"How {first.candidate} was configured is not known: " in checks(doubtful)[GOLDEN].words
    lost.with_suffix(".lost").rename(lost)

    plain_cluster.post(f"/{doubtful.live_index}/_close")
    gate(plain_cluster, store, told(doubtful, undecided="pass"))
    assert f"{doubtful.live_index} is closed. nDCG@10 0.933 over 30 queries, by BM25" in checks(doubtful)[GOLDEN].words


def test_what_the_corpus_lost_by_itself_is_no_loss_of_the_candidate(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    promoted(plain_cluster, config)
    write_corpus(config, rows(DOCUMENTS)[:20])
    plan = planned(plain_cluster, config)
    built(plain_cluster, config, told(plan, golden=str(fewer_judged(config))), vector=numbers(plan))
    golden = checks(plan)[GOLDEN]
    assert golden.verdict is Verdict.PASS
    assert "over 20 queries: pass, the figure of none has changed. 4 further queries differ only by" in golden.words
    assert "4 of 24 judged documents are not in the index" in golden.words


def fewer_judged(config: CorpusConfig) -> Path:
    """24 queries: 20 whose documents stay, 4 whose documents went."""
    folder = Path(config.store).parent / "fewer"
    write_queries(folder / "queries.jsonl", [GoldenQuery(id=f"q{n}", text=f"number {n}") for n in range(24)])
    (folder / "qrels.txt").write_text("".join(f"q{n} 0 d{n} 1\n" for n in range(24)))
    return folder


def test_judgements_of_another_corpus_are_refused(plain_cluster: Cluster, config: CorpusConfig) -> None:
    folder = fewer_judged(config)
    (folder / "qrels.txt").write_text("".join(f"q{n} 0 other{n} 1\n" for n in range(24)))
    plan = told(candidate(plain_cluster, config, loses=()), golden=str(folder))
    with pytest.raises(
        BuildError, match="golden: 24 of 24 judged documents are not in the index, such as other0, other1"
    ):
        gate(plain_cluster, Store(config.store), plan)


def test_a_golden_set_that_cannot_be_read_stops_the_plan(plain_cluster: Cluster, config: CorpusConfig) -> None:
    write_corpus(config, rows(DOCUMENTS))
    queries = fewer_judged(config) / "queries.jsonl"
    queries.write_text("no json")
    broken = told(planned(plain_cluster, config), golden=str(queries.parent)).config
    with pytest.raises(ConfigError, match=r"queries\.jsonl"):
        planned(plain_cluster, broken)
