"""`serve` for a corpus that has nothing to serve: what it had goes, and one that never had any costs no request."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config
from fake_models import FakeModels
from fake_opensearch import fake_cluster
from sparse_index.cli.serving import serve
from sparse_index.errors import ConfigError
from sparse_index.serving.state import Memory, recall, remember
from sparse_index.store.files import Store

GROUP = "sparse-index-serving--splade--abababababab"


def options(folder: Path, *, check: bool = False) -> argparse.Namespace:
    return argparse.Namespace(corpus=folder / "things.yaml", check=check)


def test_a_corpus_that_never_had_any_costs_no_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        pytest.fail(f"{method} {path}")

    serve(options(tmp_path), fake_cluster(answer), corpus_config("things", str(tmp_path / "store")))
    assert "'things' has nothing to serve" in capsys.readouterr().out


def test_what_a_corpus_had_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, models = corpus_config("things", str(tmp_path / "store")), FakeModels()
    store = Store(config.store)
    remember(store, "things", Memory(groups=[GROUP]))
    models.add("m1", "of-somebody-else", answers=True, algorithm="SPARSE_ENCODING")
    models.add("m2", GROUP)
    with pytest.raises(ConfigError, match="queries of 'things' need is not as it should be"):
        serve(options(tmp_path, check=True), models.cluster, config)
    assert set(models.models) == {"m1", "m2"}
    serve(options(tmp_path), models.cluster, config)
    assert set(models.models) == {"m1"}
    assert recall(store, "things").groups == []
    assert GROUP in capsys.readouterr().out
