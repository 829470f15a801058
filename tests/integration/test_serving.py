"""Serving on the real server: whatever a kill or a hand has left, a rerun completes it, one model stays, nothing leaks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from build_plans import NOW
from fake_runs import FakeRuns
from ml_verbs import in_memory
from real_builds import MODEL_ZIP, documents, real_config, rows, write_corpus
from real_serving import HURRY, SEARCH, models, next_run, pipelines, remove_served, search
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, ConfigError, SparseIndexError, TerminalError
from sparse_index.live.alias import observe_alias
from sparse_index.ml import verbs
from sparse_index.ml.groups import create_group, marked_groups
from sparse_index.names import rerank_pipeline_name
from sparse_index.operations.cleanup import Kind
from sparse_index.operations.janitor import clean, look
from sparse_index.operations.rollback import choose_target, roll_back
from sparse_index.pipeline import Run, run
from sparse_index.preflight.examine import examine
from sparse_index.serving.act import Serving, carry_out, serve
from sparse_index.serving.decide import Phase, decide
from sparse_index.serving.needs import needs_of
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

pytestmark = pytest.mark.integration

PIPELINE = "index.search.default_pipeline"


@pytest.fixture
def serving(plain_cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A corpus of its own with a model of its own, whose name is the test's; in the end nothing of it is there."""
    name = request.node.name.replace("_", "-").split("[")[0][5:60].strip("-")
    config = real_config(
        f"serving-{name}",
        tmp_path,
        encoder={
            "model": {"source": "file", "name": name, "version": "1", "path": str(MODEL_ZIP)},
            "lifecycle": "shared",
        },
        search=SEARCH,
    )
    serving = Serving(plain_cluster, Store(config.store), config, REAL_TIME)
    yield serving
    plain_cluster.remove(f"/{config.alias}--b*")
    remove_served(serving)


def built(serving: Serving, documents: int = 12, config: CorpusConfig | None = None) -> Run:
    config = config or serving.config
    write_corpus(config, rows(documents))
    request = RunRequest(run_id="test", data_date=datetime.now(UTC).date())
    done = run(serving.cluster, config, Store(config.store), request)
    assert done.receipt["outcome"] == "promoted"
    return done


def named(serving: Serving) -> str:
    """The default pipeline of what is live."""
    live = str(observe_alias(serving.cluster, serving.config.alias).index)
    found: str = serving.cluster.get(f"/{live}/_settings", flat_settings="true")[live]["settings"][PIPELINE]
    return found


def test_from_nothing_to_a_search_that_the_cluster_encodes_and_fuses(serving: Serving, toy_models: Path) -> None:
    with pytest.raises(ConfigError, match="run the serving DAG first"):
        built(serving)
    assert decide(serving.seen()).steps
    assert serve(serving).steps == []
    first = built(serving)
    assert (first.plan.counts.encoded, first.receipt["untidy"]) == (12, [])
    assert all(source["text_sparse"] for source in documents(serving.cluster, serving.config.alias).values())
    assert marked_groups(serving.cluster, serving.config.alias) == []
    assert named(serving) == first.plan.search_pipeline == pipelines(serving)[0]
    assert "d4" in search(serving)
    second = built(serving, 11)
    assert (second.plan.kind, named(serving)) == ("delta", first.plan.search_pipeline)
    require_reranker_comes_and_goes(serving, toy_models)
    assert serve(serving).steps == []
    assert len(models(serving)) == 1
    assert models(serving)[0] in in_memory(serving.cluster)


def require_reranker_comes_and_goes(serving: Serving, toy_models: Path) -> None:
    """In a pipeline that callers name; the default one stays what it is."""
    folder = toy_models / "cross"
    about = json.loads((folder / "config.json").read_text())["model_config"]
    model = {"source": "file", "version": "1", "path": str(folder / "model.zip"), "model_config_body": about}
    rerank = {"model": model | {"name": f"{serving.config.alias}-cross"}, "depth": 6, "top": 2}
    config = CorpusConfig.model_validate(
        serving.config.model_dump(exclude_unset=True) | {"search": SEARCH | {"rerank": rerank}}
    )
    later, default = Serving(serving.cluster, serving.store, config, REAL_TIME), named(serving)
    assert serve(later).steps == []
    name = rerank_pipeline_name(config.alias)
    assert (pipelines(later), named(later)) == ([default, name], default)
    body = {"size": 2, "query": {"match": {"body": "body"}}, "ext": {"rerank": {"query_context": {"query_text": "4"}}}}
    hits = serving.cluster.post(f"/{config.alias}/_search", body, search_pipeline=name)["hits"]["hits"]
    assert len(hits) == 2
    for _ in range(3):
        next_run(serving)
    assert (pipelines(serving), len(models(later))) == ([default], 1)


def test_whoever_is_killed_between_any_two_phases_is_completed_by_a_rerun(serving: Serving) -> None:
    for phase in Phase:
        carry_out(serving, phase)
        assert serve(serving).steps == []
        assert (len(models(serving)), len(pipelines(serving))) == (1, 1)


def test_two_at_once_leave_one_model_and_one_pipeline(serving: Serving) -> None:
    failed: list[BaseException] = []

    def one() -> None:
        try:
            serve(serving)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says so
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert serve(serving).steps == []
    assert (len(models(serving)), len(pipelines(serving))) == (1, 1)


def test_a_model_undeployed_by_hand_is_deployed_again(serving: Serving) -> None:
    serve(serving)
    (model_id,) = models(serving)
    verbs.undeploy(serving.cluster, model_id)
    report = examine(serving.cluster, serving.config, serving.store, changes=False)
    assert any("does not answer: run the serving DAG first" in problem.message for problem in report.problems)
    assert serve(serving).steps == []
    assert models(serving) == [model_id]


def test_a_model_deleted_by_hand_is_made_anew_and_the_live_index_names_its_pipeline(serving: Serving) -> None:
    serve(serving)
    built(serving)
    before = named(serving)
    (model_id,) = models(serving)
    verbs.undeploy(serving.cluster, model_id)
    verbs.delete_model(serving.cluster, model_id)
    serve(serving)
    assert models(serving) != [model_id]
    assert named(serving) != before
    assert "d4" in search(serving)
    # Who searches may still name it: it goes when the next run needs it as little.
    assert next_run(serving).steps == []
    assert pipelines(serving) == [named(serving)]


def test_an_index_that_was_restored_into_another_cluster_is_searched_when_it_was_served(serving: Serving) -> None:
    """There is the index alone: neither the pipeline that it names nor a model."""
    serve(serving)
    built(serving)
    remove_served(serving)
    with pytest.raises(TerminalError, match=rf"Pipeline {named(serving)} is not defined"):
        search(serving)
    serve(serving)
    assert "d4" in search(serving)


def test_a_half_uploaded_model_is_deleted_and_uploaded_anew(serving: Serving, plain_cluster: Cluster) -> None:
    (need,) = needs_of(serving.config)
    group = create_group(plain_cluster, need.group, "a test")
    meta = {
        "name": need.source.model.name,
        "version": "1",
        "model_format": "TORCH_SCRIPT",
        "function_name": "SPARSE_ENCODING",
        "model_group_id": group,
        "model_content_hash_value": need.content_sha256,
        "model_content_size_in_bytes": 20_000_000,
        "total_chunks": 2,
    }
    torn = plain_cluster.post("/_plugins/_ml/models/_register_meta", meta, retry=None)["model_id"]
    plain_cluster.request("POST", f"/_plugins/_ml/models/{torn}/upload_chunk/0", b"-" * 1000, retry=None)
    hurried = Serving(serving.cluster, serving.store, serving.config, HURRY)
    assert serve(hurried).steps == []
    assert len(models(serving)) == 1
    assert models(serving) != [torn]


def test_a_pipeline_changed_or_deleted_by_hand_is_put_back(serving: Serving) -> None:
    serve(serving)
    built(serving)
    name = named(serving)
    serving.cluster.put(f"/_search/pipeline/{name}", {"request_processors": []})
    assert serve(serving).steps == []
    assert "d4" in search(serving)
    serving.cluster.delete(f"/_search/pipeline/{name}")
    assert serve(serving).steps == []
    assert "d4" in search(serving)


def test_a_default_pipeline_of_somebody_else_is_kept_by_serving_and_by_builds(serving: Serving) -> None:
    serve(serving)
    built(serving)
    theirs = f"{serving.config.alias}--theirs"
    serving.cluster.put(f"/_search/pipeline/{theirs}", {"request_processors": []})
    live = str(observe_alias(serving.cluster, serving.config.alias).index)
    serving.cluster.put(f"/{live}/_settings", {PIPELINE: theirs})
    decision = serve(serving)
    assert any("is not ours, and keeps it" in note for note in decision.notes)
    done = built(serving, 11)
    assert any(f"'{theirs}' of the live index is not ours and stays" in note for note in done.plan.notes)
    assert named(serving) == theirs


def test_other_searches_get_another_pipeline_and_a_rollback_asks_whether_its_models_answer(serving: Serving) -> None:
    serve(serving)
    first = built(serving)
    before = named(serving)
    search_section = serving.config.search.model_dump() | {"fusion": {"type": "min_max"}}
    other = CorpusConfig.model_validate(serving.config.model_dump(exclude_unset=True) | {"search": search_section})
    later = Serving(serving.cluster, serving.store, other, REAL_TIME)
    serve(later)
    after = named(serving)
    assert before != after
    second = built(serving, 11, other)
    target = choose_target(serving.cluster, other, "previous", now=NOW, run_id="test")
    done = roll_back(serving.cluster, serving.store, other, target, now=NOW)
    assert done.live == first.plan.candidate
    # Its searches were changed while it was live.
    assert named(serving) == after
    assert "d4" in search(serving)
    verbs.undeploy(serving.cluster, models(serving)[0])
    forward = choose_target(serving.cluster, other, second.plan.candidate, now=NOW, run_id="test")
    with pytest.raises(BuildError, match=r"whose model .* does not answer.*let the serving DAG run"):
        roll_back(serving.cluster, serving.store, other, forward, now=NOW)


@contextmanager
def searching(serving: Serving) -> Iterator[list[Exception | list[str]]]:
    """Somebody searches as long as the block runs; gives the answers, or what came instead."""
    answers: list[Exception | list[str]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                answers.append(search(serving))
            except SparseIndexError as error:
                answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


def test_another_encoder_is_served_before_its_build_and_the_former_goes_with_its_last_index(serving: Serving) -> None:
    serve(serving)
    built(serving)
    (former,) = models(serving)
    model = serving.config.encoder.model.model_dump() | {"name": f"{serving.config.alias}-2"}
    changes = {"encoder": {"model": model, "lifecycle": "shared"}, "retention": {"generations": 0}}
    other = CorpusConfig.model_validate(serving.config.model_dump(exclude_unset=True) | changes)
    later = Serving(serving.cluster, serving.store, other, REAL_TIME)
    try:
        with searching(serving) as answers:
            assert serve(later).steps == []
            assert (models(serving), len(models(later))) == ([former], 1)
            assert named(later) in pipelines(later)
            done = built(later, 11, other)
            assert (done.plan.kind, named(later)) == ("full", done.plan.search_pipeline)
            for _ in range(3):
                next_run(later)
        assert [answer for answer in answers if not isinstance(answer, list) or "d4" not in answer] == []
        assert len(answers) > 20
        assert models(serving) == []
        assert pipelines(later) == [done.plan.search_pipeline]
    finally:
        remove_served(later)


def test_the_janitor_removes_what_a_corpus_without_serving_has_left(serving: Serving, tmp_path: Path) -> None:
    serve(serving)
    plain = real_config(serving.config.alias, tmp_path)
    clusters, runs, store = {plain.connection: serving.cluster}, FakeRuns({}), serving.store
    found = look(clusters, store, [plain], now=NOW, runs=runs)
    assert [(action.kind, action.name) for action in found.actions] == [
        (Kind.PIPELINE, pipelines(serving)[0]),
        (Kind.SERVED, needs_of(serving.config)[0].group),
    ]
    clean(clusters, store, [plain], found, now=NOW, runs=runs)
    assert (pipelines(serving), models(serving)) == ([], [])
    assert look(clusters, store, [plain], now=NOW, runs=runs).actions == []
    # What a corpus needs is none of the janitor's business.
    serve(serving)
    assert look(clusters, store, [serving.config], now=NOW, runs=runs).actions == []
