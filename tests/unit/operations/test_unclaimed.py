"""What serving made for a corpus that is gone is named with the commands that remove it; what a corpus claims is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from build_plans import corpus_config
from fake_models import FakeModels
from fake_opensearch import fake_cluster, http_error
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.neighbours import Neighbours
from sparse_index.names import rerank_pipeline_name, search_pipeline_owner
from sparse_index.operations.unclaimed import unclaimed
from sparse_index.serving.state import Memory, remember
from sparse_index.store.files import Store

MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}
GROUP, OTHERS, FORMER = (f"sparse-index-serving--{name}--0123456789ab" for name in ("splade", "minilm", "tas-b"))
PIPELINES = ("things--q0123456789ab", "things--rerank", "gone--q0123456789ab", "gone--rerank", "not-ours")


class Served(FakeModels):
    def __init__(self) -> None:
        super().__init__()
        for number, group in enumerate((GROUP, OTHERS, FORMER)):
            self.add(f"m{number}", group, answers=True)

    def answer(self, method: str, path: str, body: Any) -> Any:
        if path == "/_search/pipeline":
            return {name: {} for name in PIPELINES}
        return super().answer(method, path, body)

    def on_model_groups(self, method: str, rest: list[str], body: Any) -> Any:
        ((kind, (wanted,)),) = ((kind, each.values()) for kind, each in body["query"].items())
        names = [name for name in self.groups if (name.startswith(wanted) if kind == "prefix" else name == wanted)]
        return {"hits": {"hits": [{"_id": self.groups[name], "_source": {"name": name}} for name in names]}}


def corpus(folder: Path) -> CorpusConfig:
    """It needs the model of one group, and remembers another one."""
    config = corpus_config("things", str(folder), encoder={"model": MODEL, "lifecycle": "shared"})
    remember(Store(config.store), "things", Memory(groups=[FORMER]))
    return config


def test_what_no_known_corpus_claims_is_named_with_what_removes_it(tmp_path: Path) -> None:
    config, served = corpus(tmp_path), Served()
    notes = unclaimed({config.connection: served.cluster}, [config, config], Neighbours([config]))
    assert notes == [
        "no corpus 'gone' is known here, whose search pipeline gone--q0123456789ab stays. If nobody else has it: DELETE "
        "/_search/pipeline/gone--q0123456789ab",
        "no corpus 'gone' is known here, whose search pipeline gone--rerank stays. If nobody else has it: DELETE "
        "/_search/pipeline/gone--rerank",
        f"no corpus that is known here needs the shared models of {OTHERS}, which stay. If nobody else does: POST "
        "/_plugins/_ml/models/m1/_undeploy, DELETE /_plugins/_ml/models/m1, DELETE /_plugins/_ml/model_groups/g2",
    ]
    beside = Neighbours([config, corpus_config("gone", str(tmp_path))])
    assert len(unclaimed({config.connection: served.cluster}, [config], beside)) == 1, "a corpus of another store"


def test_where_not_every_corpus_is_known_nothing_is_said(tmp_path: Path) -> None:
    config, served = corpus(tmp_path), Served()
    assert unclaimed({config.connection: served.cluster}, [config], Neighbours([config], ["broken"])) == []
    assert unclaimed({config.connection: served.cluster}, [config], Neighbours()) == []
    assert served.asked == []


def test_what_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    def refuse(method: str, path: str, body: Any) -> Any:
        raise http_error(403, "security_exception", "no permissions for [cluster:admin/search/pipeline/get]")

    config = corpus(tmp_path)
    (note,) = unclaimed({config.connection: fake_cluster(refuse)}, [config], Neighbours([config]))
    assert note.startswith("what nobody claims could not be looked for: ")


def test_whose_a_search_pipeline_is() -> None:
    assert search_pipeline_owner(rerank_pipeline_name("a--b")) == "a--b"
    assert [search_pipeline_owner(name) for name in PIPELINES] == ["things", "things", "gone", "gone", None]
