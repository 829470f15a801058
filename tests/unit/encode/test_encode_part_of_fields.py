"""A part of several vector fields: every row is read once, and what one encoder has done or refused is its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from fake_opensearch import fake_cluster, http_error
from plan_help import config_at, live_cluster, planned, row, write
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import EncodeResult
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus import rows
from sparse_index.corpus.place import Place
from sparse_index.encode import part as encode_stage
from sparse_index.encode import where
from sparse_index.encode.governor import Governor
from sparse_index.encode.part import encode_part
from sparse_index.errors import BuildError
from sparse_index.plan import parts
from sparse_index.store.files import Store
from sparse_index.timing import Timing
from sparse_index.vectors.files import vector_paths

MODELS = {"one": "1" * 64, "two": "2" * 64}


class Models:
    """Two sparse models that answer each word; of the second, `refused` texts are refused. `asked`: texts of each."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.refused = frozenset(refused)
        self.asked: dict[str, list[str]] = {"one": [], "two": []}
        self.cluster = fake_cluster(self.answer)

    def answer(self, method: str, path: str, body: Any) -> Any:
        model = path.rsplit("/", 1)[-1]
        if "/_predict/" in path:
            return self._predict(model, body["text_docs"])
        if path.startswith("/_plugins/_ml/models/"):
            return {"model_state": "DEPLOYED"}
        return {"nodes": {}}

    def _predict(self, model: str, texts: list[str]) -> Any:
        if model == "two" and not self.refused.isdisjoint(texts):
            raise http_error(400, "illegal_argument_exception", "no such text")
        self.asked[model] += texts
        outputs = [{"response": [dict.fromkeys(text.split(), 1.0)]} for text in texts]
        return {"inference_results": [{"output": [{"dataAsMap": output}]} for output in outputs]}


def two_encoders(folder: Path, **limits: int) -> CorpusConfig:
    vectors: dict[str, Any] = {
        "whole": {"kind": "sparse", "encoder": {"model": {"source": "model_id", "model_id": "one"}}},
        "heading": {
            "kind": "sparse",
            "encoder": {"model": {"source": "model_id", "model_id": "two"}},
            "text": "{title}",
        },
    }
    single = config_at(folder).model_dump(exclude={"encoder", "index", "vectors"})
    return CorpusConfig.model_validate(single | {"vectors": vectors, "limits": {"max_dead_letter_share": 1, **limits}})


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusConfig:
    write(tmp_path / "corpus", [row(number, body=f"body {number}") for number in range(5)], group_rows=5)
    return two_encoders(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that are read, each time."""
    found: list[int] = []
    batches_at = rows._batches_at

    def counted(config: CorpusConfig, places: Iterator[Place], *columns: Any) -> Iterator[Any]:
        for here, batch in batches_at(config, places, *columns):
            found.extend(place.row for place in here)
            yield here, batch

    monkeypatch.setattr(rows, "_batches_at", counted)
    return found


def planned_on(corpus: CorpusConfig) -> Plan:
    return planned(corpus, cluster=live_cluster(corpus, None, models=MODELS))


def encoded(corpus: CorpusConfig, plan: Plan, models: Models) -> EncodeResult:
    ids = dict(zip(plan.fingerprints.values(), MODELS, strict=True))
    timing = Timing(sleep=lambda _: None)
    (part,) = plan.encode_parts
    return encode_part(models.cluster, Store(corpus.store), plan, part, ids, cores=1, timing=timing)


def vectors(corpus: CorpusConfig, plan: Plan, field: str) -> int:
    store = Store(corpus.store)
    return sum(len(store.read_table(path)) for path in vector_paths(store, plan.fingerprint_of(field)))


@pytest.mark.parametrize(
    ("way", "algorithm", "ceiling"),
    [("model", "SPARSE_ENCODING", 3), ("analyzer", "SPARSE_ENCODING", 16), ("model", "REMOTE", 16)],
)
def test_a_given_model_leaves_a_core_to_the_queries_that_it_encodes_too(
    tmp_path: Path, way: str, algorithm: str, ceiling: int
) -> None:
    write(tmp_path / "corpus", [row(number) for number in range(3)])
    model = {"model": {"source": "model_id", "model_id": "one"}}
    corpus = config_at(tmp_path, encoder=model, search={"query": {"text_sparse": way}})
    plan = planned_on(config_at(tmp_path, encoder=model)).model_copy(update={"config": corpus})
    cluster = fake_cluster(lambda *_: {"model_state": "DEPLOYED", "algorithm": algorithm})
    there = where.running(cluster, Store(corpus.store), plan, "text_sparse", "one", cores=4)
    assert there.governor.ceiling == ceiling


@pytest.mark.parametrize(("part_items", "tasks"), [(3, 1), (2, 2), (1, 2)])
def test_a_task_begins_with_its_share_of_the_cores_among_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_items: int, tasks: int
) -> None:
    shares: list[tuple[int, int]] = []

    def own_model(cores: int, parallel_tasks: int) -> Governor:
        shares.append((cores, parallel_tasks))
        return Governor(1)

    monkeypatch.setattr(where, "own_model", own_model)
    monkeypatch.setattr(parts, "PART_ITEMS", part_items)
    write(tmp_path / "corpus", [row(number) for number in range(3)])
    model = {"source": "model_id", "model_id": "one"}
    corpus = config_at(tmp_path, encoder={"model": model, "parallel_tasks": 2})
    plan = planned_on(corpus)
    encode_part(Models().cluster, Store(corpus.store), plan, plan.encode_parts[0], {plan.fingerprint: "one"}, cores=4)
    assert shares == [(4, tasks)]


@pytest.mark.parametrize("window", [1, 3, 1_000])
def test_rows_are_read_once_for_all_encoders(
    corpus: CorpusConfig, read: list[int], monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(encode_stage, "WINDOW_TEXTS", window)
    plan, models = planned_on(corpus), Models()
    read.clear()
    result = encoded(corpus, plan, models)
    assert read == [0, 1, 2, 3, 4]
    assert (result.encoded, result.encoded_before, result.dead_letters) == (10, 0, 0)
    assert models.asked == {
        "one": [f"title {number}. body {number}" for number in range(5)],
        "two": [f"title {number}" for number in range(5)],
    }
    assert (vectors(corpus, plan, "whole"), vectors(corpus, plan, "heading")) == (5, 5)


def test_what_one_encoder_has_done_is_not_done_again(
    corpus: CorpusConfig, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, models = planned_on(corpus), Models(refused={f"title {number}" for number in range(5)})
    plan = plan.model_copy(
        update={
            "config": corpus.model_copy(update={"limits": corpus.limits.model_copy(update={"max_dead_letters": 1})})
        }
    )
    with pytest.raises(BuildError, match="2 texts of one part were refused"):
        encoded(corpus, plan, models)
    assert (vectors(corpus, plan, "whole"), vectors(corpus, plan, "heading")) == (5, 0), "answers are paid for"
    again = Models()
    assert encoded(corpus, plan, again).encoded_before == 5
    assert (again.asked["one"], len(again.asked["two"])) == ([], 5)


def test_a_text_that_one_encoder_refuses_is_a_dead_letter_and_the_other_keeps_its_vectors(corpus: CorpusConfig) -> None:
    plan, models = planned_on(corpus), Models(refused={"title 3"})
    result = encoded(corpus, plan, models)
    assert (result.encoded, result.dead_letters) == (9, 1)
    assert (vectors(corpus, plan, "whole"), vectors(corpus, plan, "heading")) == (5, 4)


def test_a_part_that_a_former_version_planned_is_of_one_field(corpus: CorpusConfig) -> None:
    store, plan = Store(corpus.store), planned_on(corpus)
    (part,) = plan.encode_parts
    rows = store.read_table(part.path)
    former = rows.filter(pc.equal(rows["field"], "heading")).drop_columns(["field"])
    store.write_table(part.path, former)
    of_heading = part.model_copy(update={"field": "heading", "items": len(former)})
    models = Models()
    encoded(corpus, plan.model_copy(update={"encode_parts": [of_heading]}), models)
    assert (models.asked["one"], len(models.asked["two"])) == ([], 5)
    assert (vectors(corpus, plan, "whole"), vectors(corpus, plan, "heading")) == (0, 5)
