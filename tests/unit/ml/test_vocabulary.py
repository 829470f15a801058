"""What writes ids of tokens gets them from the model's own tokenizer, or is refused with the reason."""

from __future__ import annotations

import json
import zipfile
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from demo.model_server import TOY_MODELS
from sparse_index.config.vectors import SparseField
from sparse_index.errors import ConfigError
from sparse_index.ml.vocabulary import knowing_kind
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Asked

TOY = {"source": "file", "name": "m", "version": "1", "path": str(TOY_MODELS / "sparse" / "model.zip")}
CATALOGUE = {"source": "pretrained", "name": "m", "version": "1"}


def field(model: dict[str, Any], index: str = "sparse_vector") -> SparseField:
    return SparseField.model_validate({"kind": "sparse", "index": index, "encoder": {"model": model}})


def packed(path: Path, vocabulary: dict[str, int]) -> dict[str, Any]:
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "a"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tokenizer.json", json.dumps({"version": "1.0", "model": model}))
    return TOY | {"path": str(path)}


def test_the_ids_are_those_of_the_model_s_tokenizer(tmp_path: Path) -> None:
    kind = knowing_kind(
        Store(str(tmp_path / "store")), field(packed(tmp_path / "m.zip", {"a": 0, "money": 32_767})), "f"
    )
    (tokens,) = kind.clause("v", {"money": 1.0}, Asked(1))["neural_sparse"].values()
    assert tokens["query_tokens"] == {"32767": 1.0}


def test_a_kind_that_writes_words_needs_no_tokenizer(tmp_path: Path) -> None:
    kind = knowing_kind(Store(str(tmp_path)), field(CATALOGUE, "rank_features"), "f")
    assert kind.clause("v", {"money": 1.0}, Asked(1))


def test_without_a_tokenizer_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"named in the cluster's catalogue, .*or write `index: rank_features`"):
        knowing_kind(Store(str(tmp_path)), field(CATALOGUE), "f")


@pytest.mark.parametrize(
    ("largest", "tried"), [(32_767, []), (32_768, [32_768, 0, 1]), (105_878, [105_878, 40_342, 73_110])]
)
def test_ids_that_a_cluster_may_mistake_are_to_be_tried(tmp_path: Path, largest: int, tried: list[int]) -> None:
    model = packed(tmp_path / "m.zip", {"a": 0, "last": largest})
    trial = knowing_kind(Store(str(tmp_path / "store")), field(model), "f").trial
    assert [*map(int, chain.from_iterable(trial.vectors if trial else ()))] == tried


def test_a_toy_model_has_one(tmp_path: Path) -> None:
    assert knowing_kind(Store(str(tmp_path / "store")), field(TOY), "f").with_ids is None
