"""The verbs against a stand-in that behaves as the real servers were seen to, where timing cannot be forced there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opensearchpy import exceptions as client_errors

from fake_opensearch import fake_cluster, http_error, unreachable
from ml_verbs import life_with
from sparse_index.config.encoder import EncoderConfig
from sparse_index.errors import AccessError, ModelError, TerminalError, UnavailableError
from sparse_index.ml import verbs
from sparse_index.ml.groups import PAGE, create_group, marked_groups
from sparse_index.ml.waits import Started
from sparse_index.names import group_name
from sparse_index.timing import Timing

GROUP = group_name("tickets", "20260101T000000-abcdef")
MODEL = "m1"
NODE = "n1"
URL_ENCODER = EncoderConfig.model_validate(
    {"model": {"source": "url", "name": "a", "version": "1", "url": "http://h/m.zip", "sha256": "0" * 64}}
)
MADE_OF_URL = {"name": "a", "algorithm": "SPARSE_ENCODING", "model_content_hash_value": "0" * 64}
FILE_ENCODER = EncoderConfig.model_validate(
    {"model": {"source": "file", "name": "a", "version": "1", "path": "missing.zip"}}
)


class FakeMl:
    """One node of ML Commons: groups, models, deployments under way, and a log of what was asked."""

    def __init__(self) -> None:
        self.groups: dict[str, str] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.deploying: dict[str, int] = {}  # model -> how many more looks its deployment takes
        self.in_memory: set[str] = set()
        self.held_for_ever: set[str] = set()  # what the node does not let go
        self.stale_group_answers = 0
        self.late_model: str | None = None
        self.found_still: dict[str, Any] = {}  # deleted, and not yet refreshed away
        self.pipelines: dict[str, Any] = {}
        self.asked: list[str] = []
        self.now = 0.0

    @property
    def cluster(self) -> Any:
        return fake_cluster(self.answer, attempts=3)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.late_model:
            self.models[self.late_model] = {"model_state": "REGISTERED", "model_group_id": "g1"}
            self.late_model = None

    def clock(self) -> float:
        return self.now

    def answer(self, method: str, path: str, body: Any) -> Any:
        self.asked.append(f"{method} {path}")
        parts = path.removeprefix("/_plugins/_ml/").split("/")
        if path.startswith("/_plugins/_ml/"):
            return getattr(self, f"on_{parts[0].lstrip('_')}")(method, parts[1:], body)
        return self.pipelines if path == "/_search/pipeline" else {}

    def on_model_groups(self, method: str, rest: list[str], body: Any) -> Any:
        if rest == ["_search"]:
            return hits({group: {"name": name} for name, group in self.groups.items()})
        if method == "DELETE":
            if self.stale_group_answers > 0:
                self.stale_group_answers -= 1
                raise http_error(409, "status_exception", "Cannot delete the model group when it has associated model")
            self.groups = {name: group for name, group in self.groups.items() if group != rest[0]}
            return {"result": "deleted"}
        self.groups[body["name"]] = "g1"
        return {"model_group_id": "g1"}

    def on_models(self, method: str, rest: list[str], body: Any) -> Any:
        if rest == ["_search"]:
            return hits(self.models | self.found_still)
        if rest == ["_register"]:
            return {"task_id": "t1"}
        if rest == ["_register_meta"]:
            return {"model_id": "m9"}
        if "upload_chunk" in rest:
            return {}
        if rest[0] not in self.models:
            raise http_error(404, "status_exception", "Failed to find model")
        if rest[1:] == ["_deploy"]:
            self.deploying[rest[0]] = 2
            return {"task_id": "t2"}
        if rest[1:] == ["_undeploy"]:
            self.in_memory -= {rest[0]} - self.held_for_ever
            return {}
        return self.models[rest[0]] if method == "GET" else self.delete(rest[0])

    def delete(self, model: str) -> Any:
        if model in self.in_memory:
            raise http_error(400, "status_exception", "Model cannot be deleted in deploying or deployed state")
        del self.models[model]
        return {"result": "deleted"}

    def on_tasks(self, method: str, rest: list[str], body: Any) -> Any:
        if rest != ["_search"]:
            return {"result": "deleted"}
        return hits(self.unfinished_tasks() if "bool" in body["query"] else {"t2": {}})

    def unfinished_tasks(self) -> dict[str, Any]:
        """The deployments under way; each look brings them nearer to their end."""
        tasks: dict[str, Any] = {f"t-{model}": {"model_id": model} for model in self.deploying}
        for model in list(self.deploying):
            self.deploying[model] -= 1
            if self.deploying[model] == 0:
                del self.deploying[model]
                self.in_memory.add(model)
        return tasks

    def on_profile(self, method: str, rest: list[str], body: Any) -> Any:
        return {"nodes": {NODE: {"models": {model: {"model_state": "DEPLOYED"} for model in self.in_memory}}}}


def hits(documents: dict[str, Any]) -> dict[str, Any]:
    return {"hits": {"hits": [{"_id": key, "_source": body} for key, body in documents.items()]}}


@pytest.fixture
def ml() -> FakeMl:
    fake = FakeMl()
    fake.groups[GROUP] = "g1"
    fake.models[MODEL] = {"model_state": "REGISTERED", "model_group_id": "g1", **MADE_OF_URL}
    return fake


def test_a_deployment_under_way_is_waited_for_before_its_model_is_deleted(ml: FakeMl) -> None:
    verbs.deploy(ml.cluster, MODEL)
    verbs.undeploy(ml.cluster, MODEL, Timing(ml.clock, ml.sleep))
    verbs.delete_model(ml.cluster, MODEL)
    assert (ml.models, ml.in_memory, ml.deploying) == ({}, set(), {})
    assert sum(asked.endswith("/_undeploy") for asked in ml.asked) == 1, "none before the deployment's end"


def test_a_node_that_does_not_let_go_is_named_with_what_to_do(ml: FakeMl) -> None:
    ml.in_memory = {MODEL}
    ml.on_models = lambda *_: {}  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"still held by node n1 after 120 s.*restart the node"):
        verbs.undeploy(ml.cluster, MODEL, Timing(ml.clock, ml.sleep))
    assert ml.now >= verbs.GONE_DEADLINE_S


@pytest.mark.parametrize("settled", [True, False])
def test_a_model_that_a_node_does_not_let_go_keeps_no_other(ml: FakeMl, settled: bool) -> None:
    ml.models["m2"] = {"model_group_id": "g1", "created_time": 2}
    ml.in_memory = {MODEL, "m2"}
    ml.held_for_ever = {MODEL}
    timing = Timing(ml.clock, ml.sleep)
    with pytest.raises(ModelError, match=r"^Model m1 is still held by node n1"):
        verbs.undeploy_group(ml.cluster, GROUP, timing)
    assert ml.in_memory == {MODEL}
    with pytest.raises(ModelError, match=r"^Model m1 is still held by node n1"):
        verbs.delete_models(ml.cluster, GROUP, timing, settled=settled)
    assert list(ml.models) == [MODEL]
    assert ml.now < 3 * verbs.GONE_DEADLINE_S, "it is waited for once each time"


def test_a_registration_that_ends_after_the_first_look_is_deleted_too(ml: FakeMl) -> None:
    ml.models.clear()
    ml.late_model = "late"
    assert verbs.delete_models(ml.cluster, GROUP, Timing(ml.clock, ml.sleep)).deleted == ("late",)
    assert ml.models == {}


def test_a_model_that_is_found_again_after_its_deletion_is_told_once(ml: FakeMl) -> None:
    """As a search does until it is refreshed."""
    ml.models["m1"] = ml.found_still["m1"] = {"model_group_id": "g1", "name": "m"}
    assert verbs.delete_models(ml.cluster, GROUP, Timing(ml.clock, ml.sleep)).deleted == ("m1",)
    assert ml.models == {}


def test_a_group_whose_models_the_server_still_counts_is_asked_for_again(ml: FakeMl) -> None:
    ml.models.clear()
    ml.stale_group_answers = 3
    verbs.delete_group(ml.cluster, GROUP, Timing(ml.clock, ml.sleep))
    assert ml.groups == {}


def test_a_model_that_only_a_search_still_finds_keeps_no_group(ml: FakeMl) -> None:
    ml.models.clear()
    ml.found_still = {MODEL: {"model_group_id": "g1"}}
    verbs.delete_group(ml.cluster, GROUP, Timing(ml.clock, ml.sleep))
    assert ml.groups == {}


def test_a_group_that_is_never_free_is_an_error_in_the_end(ml: FakeMl) -> None:
    ml.models.clear()
    ml.stale_group_answers = 10_000
    with pytest.raises(TerminalError, match="409"):
        verbs.delete_group(ml.cluster, GROUP, Timing(ml.clock, ml.sleep))


def test_removing_what_is_gone_already_is_a_success(ml: FakeMl) -> None:
    ml.models.clear()
    ml.groups.clear()
    assert verbs.remove_group(ml.cluster, GROUP) == verbs.Removal((), ())


def test_a_model_that_a_pipeline_names_stays_deployed_too(ml: FakeMl) -> None:
    ml.in_memory = {MODEL}
    ml.pipelines = {"p": {"request_processors": [{"neural_query_enricher": {"default_model_id": MODEL}}]}}
    assert verbs.undeploy_group(ml.cluster, GROUP) == []
    removal = verbs.delete_models(ml.cluster, GROUP, Timing(ml.clock, ml.sleep))
    assert removal == verbs.Removal((), (f"model {MODEL} is kept: search pipeline 'p' refers to it",))
    verbs.delete_group(ml.cluster, GROUP)
    assert (ml.in_memory, list(ml.models), list(ml.groups)) == ({MODEL}, [MODEL], [GROUP])


def test_who_may_not_read_the_pipelines_deletes_nothing(ml: FakeMl) -> None:
    inner = ml.answer

    def answer(method: str, path: str, body: Any) -> Any:
        if path == "/_search/pipeline":
            raise http_error(
                403, "security_exception", "no permissions for [cluster:admin/search/pipeline/get] and User [b]"
            )
        return inner(method, path, body)

    with pytest.raises(AccessError, match="search/pipeline/get"):
        verbs.delete_models(fake_cluster(answer), GROUP, Timing(ml.clock, ml.sleep))
    assert list(ml.models) == [MODEL]


def test_a_model_that_an_earlier_attempt_registered_is_adopted(ml: FakeMl) -> None:
    assert life_with(URL_ENCODER).register(ml.cluster, "g1") == Started(model_id=MODEL)
    assert not any("_register" in call for call in ml.asked)


@pytest.mark.parametrize(
    "other", [{"name": "b"}, {"algorithm": "TEXT_EMBEDDING"}, {"model_content_hash_value": "1" * 64}], ids=str
)
def test_another_model_of_the_group_is_not_adopted(ml: FakeMl, other: dict[str, str]) -> None:
    ml.models[MODEL] |= other
    assert life_with(URL_ENCODER).register(ml.cluster, "g1") == Started(task_id="t1")
    ml.models["m2"] = ml.models[MODEL] | MADE_OF_URL
    assert life_with(URL_ENCODER).register(ml.cluster, "g1") == Started(model_id="m2")


def encoder_from(folder: Path) -> EncoderConfig:
    """One whose model is a file of that folder, a chunk long."""
    (folder / "m.zip").write_bytes(b"a model")
    model = {"source": "file", "name": "b", "version": "1", "path": str(folder / "m.zip")}
    return EncoderConfig.model_validate({"model": model})


def test_what_another_model_s_upload_left_half_way_is_left_alone(ml: FakeMl, tmp_path: Path) -> None:
    ml.models[MODEL]["model_state"] = "REGISTERING"
    life_with(encoder_from(tmp_path)).register(ml.cluster, "g1")
    assert MODEL in ml.models


@dataclass
class EachAtFirst:
    """In place of the answer to the first request of each path that ends so."""

    ml: FakeMl
    endings: tuple[str, ...]
    error: client_errors.OpenSearchException
    sent: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: Any) -> Any:
        if not path.endswith(self.endings):
            return self.ml.answer(method, path, body)
        self.sent.append(path)
        if self.sent.count(path) == 1:
            raise self.error
        return self.ml.answer(method, path, body)


def test_register_and_deploy_are_not_sent_twice_where_the_first_may_have_arrived(ml: FakeMl) -> None:
    answer = EachAtFirst(ml, ("_register", "_deploy", "_register_meta"), unreachable())

    cluster = fake_cluster(answer, attempts=3)
    with pytest.raises(UnavailableError):
        verbs.deploy(cluster, MODEL)
    ml.models.clear()
    with pytest.raises(UnavailableError):
        life_with(URL_ENCODER).register(cluster, "g1")
    assert len(answer.sent) == 2


def test_what_a_full_heap_refused_is_sent_again(ml: FakeMl, tmp_path: Path) -> None:
    """As an OpenSearch 3.6.0 with a heap of 1 GB answered the second chunk of a model: nothing of it was done."""
    refusal = http_error(429, "circuit_breaking_exception", "[parent] Data too large, data for [<http_request>]")
    answer = EachAtFirst(ml, ("_register_meta", "upload_chunk/0", "_deploy", "model_groups/_register"), refusal)
    cluster = fake_cluster(answer, attempts=3)
    ml.groups.clear()
    verbs.deploy(cluster, MODEL)
    group_id = create_group(cluster, GROUP, "d")
    life_with(encoder_from(tmp_path)).register(cluster, group_id)
    assert set(Counter(answer.sent).values()) == {2}
    assert len(answer.sent) == 8


def test_a_group_whose_making_was_not_answered_is_found(ml: FakeMl) -> None:
    ml.groups.clear()

    def answer(method: str, path: str, body: Any) -> Any:
        done = ml.answer(method, path, body)
        if path.endswith("model_groups/_register"):
            raise unreachable()
        return done

    assert create_group(fake_cluster(answer), GROUP, "d") == "g1"


def test_deploying_a_model_that_is_gone_says_what_to_do(ml: FakeMl) -> None:
    with pytest.raises(ModelError, match=r"Model gone does not exist any more.*new run"):
        verbs.deploy(ml.cluster, "gone")


def test_a_refused_deployment_says_cause_and_remedy(ml: FakeMl) -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        if path.endswith("_deploy"):
            raise http_error(400, "illegal_argument_exception", "no eligible node found")
        return ml.answer(method, path, body)

    with pytest.raises(ModelError, match=r"no eligible node found -> .*only_run_on_ml_node"):
        verbs.deploy(fake_cluster(answer), MODEL)


@pytest.mark.parametrize(("of_each", "searches"), [(1, 1), (PAGE - 1, 1 + 3)])
def test_the_groups_of_many_are_found_in_one_search_unless_they_fill_it(of_each: int, searches: int) -> None:
    """`news` and `news-extra` begin alike."""
    aliases = ("news", "news-extra", "tickets")
    there = [group_name(alias, f"20260101T000000-{number:06x}") for alias in aliases for number in range(of_each)]
    there.append("sparse-index--news--of somebody else")
    asked: list[Any] = []

    def answer(method: str, path: str, body: Any) -> Any:
        asked.append(path)
        wanted = body["query"]["bool"]
        assert wanted["minimum_should_match"] == 1
        marks = tuple(each["prefix"]["name.keyword"] for each in wanted["should"])
        found = [{"_id": name, "_source": {"name": name}} for name in there if name.startswith(marks)]
        return {"hits": {"hits": found[: body["size"]]}}

    assert marked_groups(fake_cluster(answer), *aliases) == sorted(there[:-1])
    assert len(asked) == searches
