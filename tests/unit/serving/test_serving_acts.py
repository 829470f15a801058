"""What a step of serving does, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from build_plans import NOW, corpus_config, make_plan
from fake_models import FakeModels
from fake_opensearch import http_error
from sparse_index.builds.plan import save_plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.neighbours import Neighbours
from sparse_index.errors import BuildError, ConfigError, ModelError, TerminalError
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.serving.act import Serving, carry_out, delete_group
from sparse_index.serving.at_work import GoesOn
from sparse_index.serving.decide import Phase, Verb, decide
from sparse_index.serving.needs import needs_of
from sparse_index.serving.state import Memory, recall, remember
from sparse_index.store.files import Store
from sparse_index.timing import Timing
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.probe import Probe, write_probes

TIMING = Timing(lambda: 0.0, lambda _: None, lambda: NOW)
MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}
SHARED = {"model": MODEL, "lifecycle": "shared"}
FORMER = "things--q000000000000"


class FakePipelines(FakeModels):
    """Models, search pipelines, and no index. `refusal`: of a pipeline; `spoils`: what is put is something else at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pipelines: dict[str, Any] = {}
        self.refusal: Exception | None = None
        self.spoils = False

    def answer(self, method: str, path: str, body: Any) -> Any:
        if not path.startswith("/_search/pipeline"):
            return super().answer(method, path, body)
        name = path.removeprefix("/_search/pipeline").lstrip("/")
        if method == "PUT":
            if self.refusal is not None:
                raise self.refusal
            self.pipelines[name] = {} if self.spoils else body
        elif method == "DELETE":
            self.pipelines.pop(name)
        elif name and name not in self.pipelines:
            raise http_error(404, "resource_not_found_exception")
        return {name: self.pipelines[name]} if name in self.pipelines else self.pipelines


def said_of_every_build(goes_on: bool, alias: str, build_id: str) -> bool:
    return goes_on


def config(folder: Path, alias: str = "things") -> CorpusConfig:
    search = {"sides": ["bm25", "text_sparse"], "query": {"text_sparse": "model"}}
    return corpus_config(alias, str(folder), encoder=SHARED, search=search)


@pytest.fixture
def cluster() -> FakePipelines:
    """With the model that the corpus's queries need."""
    models = FakePipelines()
    (need,) = needs_of(config(Path("store")))
    document = {"name": need.source.model.name, "model_content_hash_value": need.content_sha256}
    models.add("m1", need.group, answers=True, **document)
    return models


@pytest.fixture
def serving(cluster: FakePipelines, tmp_path: Path) -> Serving:
    return Serving(cluster.cluster, Store(str(tmp_path)), config(tmp_path), TIMING)


def later(serving: Serving) -> Serving:
    """Its next run."""
    return replace(serving, timing=replace(TIMING, now=lambda: NOW + timedelta(minutes=15)))


def test_what_is_put_is_remembered_before(serving: Serving, cluster: FakePipelines) -> None:
    cluster.refusal = http_error(400, "illegal_argument_exception", "not now")
    with pytest.raises(TerminalError, match="not now"):
        carry_out(serving, Phase.TRY)
    memory = recall(serving.store, "things")
    assert memory.groups == [needs_of(serving.config)[0].group]
    (name,) = memory.pipelines
    cluster.refusal = None
    assert carry_out(serving, Phase.TRY) == [f"put {name}: searches need it, and it is not there"]
    assert cluster.pipelines == memory.pipelines


def test_a_cluster_that_lacks_the_plugin_says_so(serving: Serving, cluster: FakePipelines) -> None:
    cluster.refusal = http_error(400, "illegal_argument_exception", "Invalid processor type score-ranker-processor")
    with pytest.raises(ConfigError, match=r"score-ranker-processor.*Install the plugin opensearch-neural-search"):
        carry_out(serving, Phase.TRY)


def test_what_is_not_there_as_it_was_put_is_told(serving: Serving, cluster: FakePipelines) -> None:
    cluster.spoils = True
    with pytest.raises(BuildError, match="is not what was put there a moment ago"):
        carry_out(serving, Phase.TRY)


def test_a_pipeline_goes_when_two_runs_agree(serving: Serving, cluster: FakePipelines) -> None:
    cluster.pipelines[FORMER] = {"former": 1}
    assert carry_out(serving, Phase.TIDY) == [f"{FORMER} stays: it goes when the next run needs it as little"]
    assert carry_out(serving, Phase.TIDY)[0].startswith(f"{FORMER} stays"), (
        "a task that is tried again is no second run"
    )
    assert FORMER in cluster.pipelines
    assert carry_out(later(serving), Phase.TIDY)[0].startswith(f"delete pipeline {FORMER}")
    assert FORMER not in cluster.pipelines
    carry_out(serving, Phase.TIDY)
    memory = recall(serving.store, "things")
    assert memory.leaving_since == {}


def test_a_pipeline_that_a_build_at_work_froze_stays(serving: Serving, cluster: FakePipelines) -> None:
    cluster.pipelines[FORMER] = {"former": 1}
    plan = make_plan(serving.config, search_pipeline=FORMER)
    save_plan(serving.store, plan)
    for goes_on, kept in ((True, True), (False, False)):
        remember(serving.store, "things", Memory(leaving_since={FORMER: NOW}))
        asked = replace(later(serving), goes_on=partial(said_of_every_build, goes_on))
        (said,) = carry_out(asked, Phase.TIDY)
        assert (f"build {plan.build_id} may be at work" in said, FORMER in cluster.pipelines) == (kept, kept)


def test_a_shared_model_stays_while_another_corpus_or_a_build_needs_it(
    serving: Serving, cluster: FakePipelines, tmp_path: Path
) -> None:
    (need,) = needs_of(serving.config)
    remember(serving.store, "things", Memory(groups=[need.group]))
    plain = replace(serving, config=corpus_config("things", str(tmp_path)))
    neighbour = config(tmp_path / "other", "other")
    assert delete_group(replace(plain, beside=Neighbours([neighbour])), need.group) == "other needs it"
    said = delete_group(replace(plain, beside=Neighbours(broken=["contracts"])), need.group)
    assert said == "the file of contracts cannot be used, so nobody knows whether it needs it"
    plan = make_plan(serving.config)
    save_plan(serving.store, plan)
    at_work = replace(plain, goes_on=partial(said_of_every_build, True))
    assert delete_group(at_work, need.group) == f"build {plan.build_id} of things may be at work and need it"
    assert list(cluster.models) == ["m1"]


def zipped(folder: Path, alias: str = "things") -> CorpusConfig:
    """With a shared model of its own file."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.zip"
    path.write_bytes(b"first")
    shared = {"model": {"source": "file", "name": "splade", "version": "1", "path": str(path)}, "lifecycle": "shared"}
    return corpus_config(alias, str(folder), encoder=shared)


@pytest.mark.parametrize("content", [b"another one", None])
@pytest.mark.parametrize("goes_on", [partial(said_of_every_build, True), None])
def test_the_model_of_a_build_stays_when_its_file_was_replaced_or_deleted(
    serving: Serving, cluster: FakePipelines, tmp_path: Path, content: bytes | None, goes_on: GoesOn | None
) -> None:
    """Of a build that nobody knows, too."""
    encoding = zipped(tmp_path)
    (need,) = needs_of(encoding)
    cluster.add("m2", need.group, name="splade")
    plan = make_plan(encoding)
    save_plan(serving.store, plan)
    remember(serving.store, "things", Memory(groups=[need.group]))
    path = tmp_path / "model.zip"
    path.unlink() if content is None else path.write_bytes(content)
    assert carry_out(replace(serving, goes_on=goes_on), Phase.TIDY) == [
        f"{need.group} stays: build {plan.build_id} of things may be at work and need it"
    ]
    assert "m2" in cluster.models
    ended = replace(serving, goes_on=partial(said_of_every_build, False))
    assert carry_out(ended, Phase.TIDY)[0].startswith(f"delete group {need.group}")
    assert list(cluster.models) == ["m1"]


def test_a_neighbour_whose_model_or_store_is_away_stops_nobody_and_is_named(
    serving: Serving, cluster: FakePipelines, tmp_path: Path
) -> None:
    plain = replace(serving, config=corpus_config("things", str(tmp_path)))
    neighbour = zipped(tmp_path / "other", "other")
    group = needs_of(neighbour)[0].group
    (tmp_path / "other" / "model.zip").unlink()
    said = delete_group(replace(plain, beside=Neighbours([neighbour])), group)
    assert said is not None
    assert said.startswith("nobody knows whether other needs it: The model file ")
    assert said.endswith("model.zip does not exist. Correct `encoder.model.path`")
    away = corpus_config("other", "nosuch://store")
    assert str(delete_group(replace(plain, beside=Neighbours([away])), group)).startswith(
        "nobody knows whether other needs it: "
    )


def test_a_model_that_was_deployed_must_be_the_encoder_it_was(serving: Serving, cluster: FakePipelines) -> None:
    field = serving.config.vector_fields["text_sparse"]
    fingerprint, kind = encoder_fingerprint(cluster.cluster, field), vector_kind(field)

    def keep(said: dict[str, float]) -> None:
        write_probes(
            serving.store, fingerprint, kind, [Probe("h", "a text", of_corpus=False, vector=kind.vector(said))]
        )

    cluster.answering.clear()
    cluster.models["m1"]["model_state"] = "UNDEPLOYED"
    assert decide(serving.seen()).of(Phase.TRY)[0].verb is Verb.PUT, "it is proven when it was deployed"
    carry_out(serving, Phase.MODELS)
    assert recall(serving.store, "things").unproven == ["text_sparse"]
    keep({"a": 2.0})
    with pytest.raises(ModelError, match=r"Model m1 was deployed to serve 'text_sparse' and is not the encoder it was"):
        carry_out(serving, Phase.TRY)
    assert cluster.pipelines == {}
    assert recall(serving.store, "things").unproven == ["text_sparse"]
    keep({"a": 1.0})
    assert carry_out(serving, Phase.TRY)[0].startswith("prove m1: it was deployed")
    assert recall(serving.store, "things").unproven == []
    assert cluster.pipelines
