"""How candidate and live index are asked the same golden set: by which configuration, and what the corpus itself did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pytest

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster
from sparse_index.builds.check import Verdict
from sparse_index.builds.plan import Plan, save_plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import ModelError, UnavailableError
from sparse_index.gate import ask
from sparse_index.gate.golden import GoldenAnswers, golden_check
from sparse_index.live.meta import meta_of
from sparse_index.query.answer import Answer, Hit, Times, Via
from sparse_index.relevance.evaluate import Ask
from sparse_index.relevance.golden import GoldenQuery, GoldenSet
from sparse_index.store.files import Store

DOCUMENTS = [f"d{number}" for number in range(12)]
GOLDEN = GoldenSet([GoldenQuery(id=id_, text=id_) for id_ in DOCUMENTS], {id_: {id_: 1} for id_ in DOCUMENTS})

_PASSAGES = pa.map_(
    pa.string(), pa.list_(pa.struct([("text_hash", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))
)


def built(config: CorpusConfig, texts: str, own: str | None = None) -> Plan:
    """A build with its plan and its manifest in the store; `texts`: of which the hashes are; `own`: those of a field with a
    template of its own, None without such a field."""
    plan, store = make_plan(config), Store(config.store)
    save_plan(store, plan)
    hashes = [f"{texts}{id_}" for id_ in DOCUMENTS]
    rows = {"id": DOCUMENTS, "text_hash": hashes, "row_hash": hashes, "deleted": [False] * len(DOCUMENTS)}
    table = pa.table(rows)
    if own is not None:
        passages = [[("v", [{"text_hash": f"{own}{id_}", "start": 0, "end": 1}])] for id_ in DOCUMENTS]
        table = table.append_column("passages", pa.array(passages, _PASSAGES))
    store.write_table(meta_of(plan).manifest, table)
    return plan


def asked(
    monkeypatch: pytest.MonkeyPatch,
    live: Plan,
    candidate: Plan,
    *,
    loses: bool = False,
    silent: Mapping[str | None, Exception] = MappingProxyType({}),
) -> tuple[GoldenAnswers, Mapping[str | None, CorpusConfig]]:
    """What came of asking, and by which configuration each index was asked; every query finds its document, or the
    candidate `loses` it. `silent`: index -> why it does not answer."""
    configs: dict[str | None, CorpusConfig] = {}

    def asks(_: Any, config: CorpusConfig, index: str | None) -> Ask:
        configs[index] = config

        def answer(mode: SearchMode, query: GoldenQuery, size: int) -> Answer:
            if index in silent:
                raise silent[index]
            others = [id_ for id_ in DOCUMENTS if id_ != query.text]
            ids = others if loses and index == candidate.candidate else [query.text]
            hits = [Hit(id_, 1.0, {}, "") for id_ in ids]
            return Answer(query.text, mode, str(index), hits, Via.SERVER, Times())

        return answer

    def cluster(_method: str, path: str, _body: Any) -> Any:
        if path.endswith("/_search"):
            return {"hits": {"hits": [{"_id": id_} for id_ in DOCUMENTS]}}
        plan = live if path.startswith(f"/{live.candidate}") else candidate
        meta = meta_of(plan).model_dump(mode="json")
        return {plan.candidate: {"mappings": {"_meta": {"sparse_index": meta}}}}

    monkeypatch.setattr(ask, "asks", asks)
    store = Store(live.config.store)
    found = ask.ask_golden(fake_cluster(cluster), store, candidate.config, GOLDEN, candidate.candidate, live.candidate)
    return found, configs


def test_what_a_changed_configuration_alters_is_the_candidate_s_doing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = corpus_config("things", str(tmp_path))
    shorter = corpus_config("things", str(tmp_path), source={"text_template": "{title}"})
    live = built(config, "title and body ")
    by_corpus, _ = asked(monkeypatch, live, built(config, "another "), loses=True)
    assert set(by_corpus.altered) == set(DOCUMENTS)
    assert golden_check(by_corpus, config.gate).verdict is Verdict.UNDECIDED, (
        "all is explained: nothing is left to count"
    )
    by_template, _ = asked(monkeypatch, live, built(shorter, "title "), loses=True)
    assert golden_check(by_template, config.gate).verdict is Verdict.FAIL


def test_the_gate_has_all_re_ranked_however_busy_the_cluster_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rerank = {"model": {"source": "model_id", "model_id": "r1"}, "budget_ms": 900, "depth": 30}
    config = corpus_config("things", str(tmp_path), search={"mode": "rerank", "rerank": rerank})
    live, candidate = built(config, "a"), built(config, "a")
    _, configs = asked(monkeypatch, live, candidate)
    reranks = [configs[index].search.rerank for index in (live.candidate, candidate.candidate)]
    assert [(each.budget_ms, each.depth) for each in reranks if each is not None] == [(86_400_000, 30)] * 2


def test_the_live_index_is_asked_with_the_secrets_that_the_corpus_file_has_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = "https://models.example/m.zip"
    model = {"source": "file", "name": "m", "version": "1", "path": f"{path}?signature=s3cret"}
    config = corpus_config("things", str(tmp_path), encoder={"model": model})
    live, candidate = built(config, "a"), built(config, "a")
    _, configs = asked(monkeypatch, live, candidate)
    assert configs[live.candidate] == config


def test_a_text_of_a_field_s_own_that_changed_is_the_corpus_s_doing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = corpus_config("things", str(tmp_path))
    live = built(config, "same ", own="was ")
    changed, _ = asked(monkeypatch, live, built(config, "same ", own="is "), loses=True)
    assert set(changed.altered) == set(DOCUMENTS)
    same, _ = asked(monkeypatch, live, built(config, "same ", own="was "), loses=True)
    assert set(same.altered) == set()


def test_a_candidate_is_judged_alone_where_the_live_index_cannot_be_asked_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = corpus_config("things", str(tmp_path))
    live, candidate = built(config, "a"), built(config, "a")
    gone: dict[str | None, Exception] = {live.candidate: ModelError("Model r1 of search.rerank is gone.")}
    found, _ = asked(monkeypatch, live, candidate, silent=gone)
    assert found.live is None
    assert (
        found.alone
        == f"{live.candidate} cannot be asked as it was when it was built: Model r1 of search.rerank is gone."
    )
    with pytest.raises(UnavailableError, match="no connection"):
        asked(monkeypatch, live, candidate, silent={live.candidate: UnavailableError("no connection")})


def test_a_candidate_that_does_not_answer_fails_its_checks_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ask_golden(*_: Any) -> GoldenAnswers:
        raise ModelError("Model m1 does not answer.")

    config = corpus_config("things", str(tmp_path), gate={"golden": str(tmp_path)})
    monkeypatch.setattr(ask, "ask_golden", ask_golden)
    monkeypatch.setattr(ask, "golden_of", lambda _: GOLDEN)
    found = ask.judge(fake_cluster(lambda *_: {}), Store(str(tmp_path)), config, "things--b1", None)
    assert [(each.name, each.verdict) for each in found.checks] == [("golden", "fail"), ("canaries", "fail")]
    assert "things--b1 does not answer the golden queries: Model m1 does not answer" in found.checks[0].words
