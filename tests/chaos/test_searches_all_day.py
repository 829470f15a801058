"""P2 and P5: searches in every mode, from start to end of a promotion, another encoder, a rollback and a `kill -9` of the node.

Each answer is compared with what the same index answers when all is quiet: so none came from half an index, and none had a query
that another index's model had encoded. The two encoders are really different ones.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chaos_table import ChaosTable, whole_form
from demo.judgements import corpus_path
from demo.model_archive import ARCHIVE_NAME, CONFIG_NAME
from demo.model_server import TOY_MODELS
from exchanged_models import exchanged, of_another_model
from local_cluster import LocalCluster, start
from own_servers import ended_with_this_process
from real_serving import next_run
from searched import COLUMNS, DENSE_SIZE
from searchers import MARKER, QUERY, Day, Heard, asked, asked_by_name, searching
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.operations.rollback import choose_target, roll_back
from sparse_index.pipeline import run
from sparse_index.serving.act import Serving, serve
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
COUNT = 60
CHANGED = 12
SAME = 1e-4
SIDES = ["bm25", "text_sparse", "text_dense"]
KILL = "kill -9 of the node"
# In these the alias goes to an index with another default pipeline, which is not one step (docs/search.md).
OTHER_PIPELINE = {"another encoder", "rollback", "forward again"}


def model(folder: Path, name: str) -> dict[str, Any]:
    return {"source": "file", "name": name, "version": "1", "path": str(folder / ARCHIVE_NAME)}


def with_its_config(folder: Path, name: str) -> dict[str, Any]:
    about: dict[str, Any] = orjson.loads((folder / CONFIG_NAME).read_bytes())["model_config"]
    return model(folder, name) | {"model_config_body": about}


def config_of(folder: Path, sparse: Path, dense: Path, generation: int) -> CorpusConfig:
    def shared(model: dict[str, Any]) -> dict[str, Any]:
        return {"model": model, "lifecycle": "shared"}

    reranker = with_its_config(TOY_MODELS / "cross", "day-cross")
    dense_field = {"kind": "dense", "dimension": DENSE_SIZE}
    return CorpusConfig.model_validate(
        {
            "alias": "all-day",
            "store": str(folder / "store"),
            "cluster_settings": "ensure",
            "source": {"uri": str(folder / "tickets.parquet"), "id_column": "id", "text_template": "{title}. {body}"},
            "vectors": {
                "text_sparse": {"kind": "sparse", "encoder": shared(model(sparse, f"day-sparse-{generation}"))},
                "text_dense": dense_field | {"encoder": shared(with_its_config(dense, f"day-dense-{generation}"))},
            },
            "index": {"replicas": 0},
            "search": {
                "mode": "hybrid",
                "sides": SIDES,
                "query": {"text_sparse": "model"},
                "rerank": {"model": reranker, "depth": 10, "top": 5},
            },
            "limits": {"max_changed_share": 1},
            "retention": {"generations": 3},
        }
    )


@dataclass
class Scene:
    """A node of its own, which may be killed; two configurations whose encoders differ."""

    server: LocalCluster
    now: CorpusConfig
    later: CorpusConfig

    def connect(self) -> Cluster:
        settings = ConnectionSettings(host=self.server.host, port=self.server.port, use_ssl=False)
        return Cluster.connect(settings, attempts=1)

    def serving(self, config: CorpusConfig) -> Serving:
        return Serving(self.connect(), Store(config.store), config, REAL_TIME)

    def build(self, config: CorpusConfig, edition: int) -> str:
        """Gives the index. The marker's title says the edition, and some other texts are other ones."""
        rows = pq.read_table(corpus_path("tickets"), columns=COLUMNS).slice(0, COUNT).to_pylist()
        for row in rows[edition * CHANGED : (edition + 1) * CHANGED]:
            row["body"] += f" Edition {edition}."
        rows.append(rows[-1] | {"id": MARKER, "title": f"edition {edition}", "body": f"{QUERY}. {QUERY}."})
        pq.write_table(pa.Table.from_pylist(rows), config.source.uri, row_group_size=40)
        request = RunRequest(run_id="test", data_date=datetime.now(UTC).date())
        done = run(self.connect(), config, Store(config.store), request)
        assert done.receipt["outcome"] == "promoted"
        return done.plan.candidate

    def roll_back(self, to: str) -> None:
        cluster, config, now = self.connect(), self.later, datetime.now(UTC)
        target = choose_target(cluster, config, to, now=now, run_id="test")
        roll_back(cluster, Store(config.store), config, target, now=now)
        serve(self.serving(config))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    sparse, dense = (exchanged(TOY_MODELS / kind, tmp_path / kind, of_another_model) for kind in ("sparse", "dense"))
    now = config_of(tmp_path, TOY_MODELS / "sparse", TOY_MODELS / "dense", 1)
    home = tmp_path / "server"
    with ended_with_this_process(home):
        yield Scene(start(home, "plain", quick_start=True), now, config_of(tmp_path, sparse, dense, 2))


def test_no_search_meets_half_an_index_or_another_encoder(scene: Scene, chaos_table: ChaosTable) -> None:
    serve(scene.serving(scene.now))
    editions = {scene.build(scene.now, 0): "edition 0"}
    with (
        chaos_table.line(
            "Searches in all modes during a day, another encoder, a rollback, SIGKILL of the node"
        ) as line,
        searching(scene.connect, scene.now) as day,
    ):
        live_through(scene, day, editions)
    rights = references(scene, editions)
    wrong = [each for each in day.heard if each.is_sound and not is_like(each, rights[each.index, each.who])]
    require_right(day, rights, wrong)
    line.times = len(day.heard)
    line.result = in_words(day, wrong)
    print(line.result)  # noqa: T201 - the figures


def live_through(scene: Scene, day: Day, editions: dict[str, str]) -> None:
    begin(day, "a day")
    editions[scene.build(scene.now, 1)] = "edition 1"
    begin(day, "another encoder")
    day.config = scene.later
    serve(scene.serving(scene.later))
    newest = scene.build(scene.later, 2)
    editions[newest] = "edition 2"
    for _ in range(2):
        next_run(scene.serving(scene.later))
    begin(day, "rollback")
    scene.roll_back("previous")
    begin(day, "forward again")
    scene.roll_back(newest)
    begin(day, KILL)
    time.sleep(0.5)  # what began before has its answer
    scene.server.kill()
    scene.server = scene.server.restart()
    serve(scene.serving(scene.later))
    begin(day, "after it")
    editions[scene.build(scene.later, 3)] = "edition 3"
    time.sleep(1)


def begin(day: Day, phase: str) -> None:
    """After some searches in the one before."""
    time.sleep(1)
    day.phase = phase


def references(scene: Scene, editions: dict[str, str]) -> dict[tuple[str, str], Heard]:
    """(Index, who asks) -> what it answers when all is quiet."""
    cluster, found = scene.connect(), {}
    for index in editions:
        for mode in SearchMode:
            found[index, mode.value] = asked(cluster, scene.later, mode, "quiet", index)
        for who in ("application, by the alias", "application, by the index"):
            found[index, who] = asked_by_name(cluster, index, "quiet", who)
    assert [each for (index, _), each in found.items() if each.edition != editions[index] or each.degraded] == []
    return found


def require_right(day: Day, rights: dict[tuple[str, str], Heard], wrong: list[Heard]) -> None:
    during = {each.phase for each in day.heard if not each.is_sound and not each.error}
    assert [each for each in day.heard if each.error and each.phase != KILL][:3] == []
    assert during <= {KILL}, "something was degraded"
    assert [each for each in wrong if not may_differ(each)][:3] == []
    for who in {each.who for each in day.heard}:
        assert {each.phase for each in day.of(who) if each.is_sound} >= {"a day", *OTHER_PIPELINE, "after it"}, who
    assert {each.index for each in day.heard if each.index} == {index for index, _ in rights}


def may_differ(heard: Heard) -> bool:
    """For the moment between the alias and the pipeline; never for `search()`, nor for who asks the index itself."""
    return heard.who == "application, by the alias" and heard.phase in OTHER_PIPELINE


def is_like(heard: Heard, right: Heard) -> bool:
    if (heard.edition, heard.pipeline, heard.made_by) != (right.edition, right.pipeline, right.made_by):
        return False
    return list(heard.hits) == list(right.hits) and all(
        abs(score - right.hits[id_]) <= SAME for id_, score in heard.hits.items()
    )


def in_words(day: Day, wrong: list[Heard]) -> str:
    refused, degraded = (
        sum(map(bool, found)) for found in zip(*((e.error, e.degraded) for e in day.heard), strict=True)
    )
    sound = Counter(each.who for each in day.heard if each.is_sound)
    by = ", ".join(f"{who} {count:,}" for who, count in sound.items())
    return (
        f"{len(day.heard):,} searches; answered: {by}; of these {len(wrong)} by the alias met the other index's pipeline; "
        f"while the node started: {refused} refused, {degraded} degraded"
    )
