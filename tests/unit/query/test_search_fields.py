"""Which vector field a search asks."""

from __future__ import annotations

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError
from sparse_index.query.search import QueryTokens, model_tokens, sparse_hits

MODEL = {"source": "model_id", "model_id": "m"}
DENSE = {"kind": "dense", "dimension": 3, "encoder": {"model": MODEL}}


@pytest.fixture
def config() -> CorpusConfig:
    raw = corpus_config("things", "/store").model_dump(exclude_unset=True, exclude={"encoder"})
    return CorpusConfig.model_validate(raw | {"vectors": {"text_dense": DENSE}})


def test_a_first_field_without_tokens_is_refused_before_the_cluster_is_asked(config: CorpusConfig) -> None:
    cluster = fake_cluster(lambda *_: pytest.fail("asked"))
    with pytest.raises(ConfigError, match=r"'things', 'text_dense', holds no tokens.*`knn` query"):
        model_tokens(cluster, config, "m1", "a query")
    with pytest.raises(ConfigError, match="put a sparse field first"):
        sparse_hits(cluster, config, "things", QueryTokens({"cat": 1.0}, "tokens"), 10)
