"""The corpus files that are shipped: usable as they are, and in the compose stack through its environment."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from demo import maxsim, minilm, splade
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import FileModel
from sparse_index.config.load import corpus_files, load_corpus
from sparse_index.ml.settings import required_settings

ROOT = Path(__file__).parents[2]
CORPORA = ROOT / "include" / "corpora"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
STACK = {name: value for name, value in COMPOSE["x-airflow-environment"].items() if name.startswith("SPARSE_INDEX_")}


PACKED = {minilm.NAME, splade.NAME, maxsim.NAME}


def models_of(config: CorpusConfig) -> list[Path]:
    rerankers = [] if config.search.rerank is None else [config.search.rerank.model]
    sources = [*(field.encoder.model for field in config.vector_fields.values()), *rerankers]
    return [Path(source.path) for source in sources if isinstance(source, FileModel)]


def read(path: Path, **environment: str) -> CorpusConfig:
    return load_corpus(path, environment)


def test_each_demo_corpus_has_its_file() -> None:
    demo = CORPORA.parent / "demo" / "corpora"
    assert {path.stem for path in corpus_files(CORPORA)} == {path.name for path in demo.iterdir() if path.is_dir()}


@pytest.mark.parametrize("path", corpus_files(CORPORA), ids=lambda path: path.stem)
def test_the_columns_that_a_file_names_are_in_its_corpus(path: Path) -> None:
    source = read(path).source
    named = {source.id_column, *source.text_columns, *(source.columns or ())}
    assert named <= set(pq.read_schema(source.uri).names)


@pytest.mark.parametrize("path", corpus_files(CORPORA), ids=lambda path: path.stem)
def test_a_corpus_follows_the_place_it_runs_in(path: Path) -> None:
    here, there = read(path), read(path, **STACK)
    assert (here.index.replicas, here.cluster_settings, here.store_is_shared) == (0, "ensure", False)
    assert (there.index.replicas, there.cluster_settings, there.store_is_shared) == (1, "check", True)
    assert there.store == STACK["SPARSE_INDEX_STORE"]
    assert Path(here.store) == CORPORA.parents[1] / ".local" / "store"
    assert here.document_hash() == there.document_hash(), "moving a corpus to another place is no full build"


@pytest.mark.parametrize("path", corpus_files(CORPORA), ids=lambda path: path.stem)
def test_a_corpus_finds_its_models_where_they_are_packed(path: Path) -> None:
    here, there = models_of(read(path)), models_of(read(path, **STACK))
    assert here == [CORPORA.parents[1] / ".local" / "models" / model.parent.name / "model.zip" for model in here]
    packed = COMPOSE["services"]["models"]
    out = packed["command"][-1]
    assert [str(model) for model in there] == [f"{out}/{model.parent.name}/model.zip" for model in here]
    assert f"models:{out}" in packed["volumes"]
    assert f"models:{out}:ro" in COMPOSE["services"]["airflow-worker"]["volumes"]
    assert {model.parent.name for model in here} <= PACKED


@pytest.mark.parametrize("path", corpus_files(CORPORA), ids=lambda path: path.stem)
def test_the_stack_has_the_settings_that_a_corpus_only_checks(path: Path) -> None:
    node = yaml.safe_load((ROOT / "docker" / "opensearch" / "opensearch.yml").read_text())
    needed = required_settings(read(path, **STACK), has_ml_node=True)
    assert {name: str(node.get(name)).lower() for name in needed} == needed
