"""Everything that would make a build fail is said at once, with what to do, before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from build_plans import complete_candidate, corpus_config, make_plan, remove_indices
from fake_opensearch import fake_cluster, http_error
from misbehaving_servers import Edit, editing_proxy
from ml_verbs import deployed, file_encoder, in_memory, registered
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, ConfigError, SparseIndexError, UnavailableError
from sparse_index.ml import verbs
from sparse_index.ml.groups import marked_groups
from sparse_index.ml.settings import ensure_settings, restore_settings
from sparse_index.ml.sources import FROM_FILE
from sparse_index.names import group_name
from sparse_index.plan.guards import require_unhindered
from sparse_index.plan.observe import observe_hindrances
from sparse_index.preflight.examine import examine, preflight
from sparse_index.preflight.policies import policy_warnings
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

ML_LIMIT = "plugins.ml_commons.max_model_on_node"


@pytest.fixture
def config(plain_cluster: Cluster, toy_models: Path, tmp_path: Path) -> Iterator[CorpusConfig]:
    model = {
        "source": "file",
        "name": "toy-sparse",
        "version": "1.0.0",
        "path": str(toy_models / "sparse" / "model.zip"),
    }
    config = corpus_config(f"pre-{uuid4().hex[:6]}", str(tmp_path / "store"), encoder={"model": model})
    yield config
    for group in marked_groups(plain_cluster, config.alias):
        verbs.remove_group(plain_cluster, group)
    remove_indices(plain_cluster, config.alias)


def changed(config: CorpusConfig, **fields: Any) -> CorpusConfig:
    return CorpusConfig.model_validate(config.model_dump(exclude_unset=True) | fields)


@contextmanager
def persistently(cluster: Cluster, name: str, value: object) -> Iterator[None]:
    before = persistent(cluster).get(name)
    cluster.put("/_cluster/settings", {"persistent": {name: value}})
    try:
        yield
    finally:
        cluster.put("/_cluster/settings", {"persistent": {name: before}})


def persistent(cluster: Cluster) -> Any:
    return cluster.get("/_cluster/settings", flat_settings="true")["persistent"]


@contextmanager
def pretending(settings: ConnectionSettings, edit: Edit) -> Iterator[Cluster]:
    """The real cluster, with answers changed on their way."""
    with editing_proxy(f"http://{settings.host}:{settings.port}", edit) as port:
        cluster = Cluster.connect(ConnectionSettings(host="127.0.0.1", port=port, use_ssl=False))
        try:
            yield cluster
        finally:
            cluster.close()


def old_and_bare(path: str, answer: Any) -> Any:
    if path == "/":
        answer["version"]["number"] = "2.11.0"
    if path.startswith("/_cat/plugins"):
        return [row for row in answer if row["component"] not in ("opensearch-ml", "opensearch-neural-search")]
    return answer


def on_a_full_disk(path: str, answer: Any) -> Any:
    if path.startswith("/_nodes/stats/fs"):
        for node in answer["nodes"].values():
            node["fs"]["total"]["available_in_bytes"] = 1
    return answer


def not_opensearch(path: str, answer: Any) -> Any:
    return answer | {"version": {"number": "8.1.0", "distribution": "something-else"}} if path == "/" else answer


def test_a_sound_cluster_is_ready_and_nothing_is_left_of_asking(plain_cluster: Cluster, config: CorpusConfig) -> None:
    found = preflight(plain_cluster, config, Store(config.store))
    assert found.ready
    assert "opensearch 3.6.0" in str(found)
    assert Store(config.store).files("") == []
    assert marked_groups(plain_cluster, config.alias) == []
    assert plain_cluster.get(f"/{config.alias}*/_alias") == {}


def test_all_problems_are_in_one_message(
    plain_cluster: Cluster, plain_settings: ConnectionSettings, config: CorpusConfig, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file is no folder")
    config = changed(config, store=str(tmp_path / "file" / "store"))
    plain_cluster.put(f"/{config.alias}")
    try:
        with (
            pretending(plain_settings, old_and_bare) as cluster,
            pytest.raises(ConfigError) as caught,
        ):
            preflight(cluster, config, Store(config.store), workers_share_files=False)
    finally:
        plain_cluster.delete(f"/{config.alias}")
    head, *problems = caught.value.message.splitlines()
    assert head == f"5 problem(s) would make a build of '{config.alias}' fail:"
    for words in (
        "OpenSearch 2.11.0 is too old: 2.19.0 or later is needed",
        "The plugin opensearch-ml is not installed on any node",
        f"'{config.alias}' is the name of an index, so it cannot be an alias",
        "is a folder, and the workers run on different machines",
        "cannot be written (",
    ):
        assert sum(words in problem for problem in problems) == 1, words


def test_what_answers_is_no_opensearch(plain_settings: ConnectionSettings, config: CorpusConfig) -> None:
    with pretending(plain_settings, not_opensearch) as cluster:
        found = examine(cluster, config, Store(config.store))
    assert "is no OpenSearch (distribution something-else, version 8.1.0)" in found.problems[0].message


def test_a_missing_query_plugin_is_a_warning_only(plain_settings: ConnectionSettings, config: CorpusConfig) -> None:
    def without_queries(path: str, answer: Any) -> Any:
        if not path.startswith("/_cat/plugins"):
            return answer
        return [row for row in answer if row["component"] != "opensearch-neural-search"]

    with pretending(plain_settings, without_queries) as cluster:
        found = preflight(cluster, config, Store(config.store))
    assert any("`neural_sparse` queries will not" in warning for warning in found.warnings), found.warnings


def test_a_full_disk(plain_settings: ConnectionSettings, config: CorpusConfig) -> None:
    with (
        pretending(plain_settings, on_a_full_disk) as cluster,
        pytest.raises(UnavailableError, match=r"over the high disk watermark.*100\.0% used.*Free disk space"),
    ):
        preflight(cluster, config, Store(config.store))


def test_a_cluster_that_is_not_there_does_not_hide_what_the_store_says(config: CorpusConfig, tmp_path: Path) -> None:

    settings = ConnectionSettings(host="127.0.0.1", port=9, use_ssl=False)
    cluster = Cluster.connect(settings, attempts=1)
    with pytest.raises(UnavailableError, match="no answer from the cluster"):
        preflight(cluster, config, Store(config.store))
    (tmp_path / "file").write_text("")
    found = examine(cluster, config, Store(str(tmp_path / "file" / "store")))
    assert [problem.error for problem in found.problems] == [ConfigError, UnavailableError]


def test_an_alias_on_two_indices(plain_cluster: Cluster, config: CorpusConfig) -> None:
    for number in (1, 2):
        plain_cluster.put(f"/{config.alias}-{number}", {"aliases": {config.alias: {}}})
    try:
        with pytest.raises(BuildError, match=rf"points to 2 indices \({config.alias}-1, {config.alias}-2\)"):
            preflight(plain_cluster, config, Store(config.store))
    finally:
        for number in (1, 2):
            plain_cluster.delete(f"/{config.alias}-{number}")


def live_index(cluster: Cluster, config: CorpusConfig) -> str:
    plan = make_plan(config)
    index = complete_candidate(cluster, plan)
    cluster.post("/_aliases", {"actions": [{"add": {"index": index, "alias": config.alias, "is_write_index": True}}]})
    return index


def require_refused(
    cluster: Cluster, config: CorpusConfig, words: str, kind: type[SparseIndexError] = BuildError
) -> None:
    """Named once by the doctor, and by the plan before it looks at the corpus."""
    problems = examine(cluster, config, Store(config.store)).problems
    assert [problem.error for problem in problems if re.search(words, problem.message)] == [kind], problems
    with pytest.raises(kind, match=f"No build of '{config.alias}' can begin: .*{words}"):
        require_unhindered(config, observe_hindrances(cluster, config))


@pytest.mark.parametrize(
    ("state", "words", "undo"),
    [
        ("closed", r"is closed: .* Open it: POST /\S+/_open", None),
        ("read_only", r"has index\.blocks\.read_only: .*Take the block away: PUT", "index.blocks.read_only"),
        ("read_only_allow_delete", r"index\.blocks\.read_only_allow_delete:", "index.blocks.read_only_allow_delete"),
        ("metadata", r"index\.blocks\.metadata: .*PUT /\S+--b\S+/_settings", "index.blocks.metadata"),
    ],
)
def test_a_live_index_that_no_run_could_replace(
    plain_cluster: Cluster, config: CorpusConfig, state: str, words: str, undo: str | None
) -> None:
    live = live_index(plain_cluster, config)
    if undo is None:
        plain_cluster.post(f"/{live}/_close")
    else:
        plain_cluster.put(f"/{live}/_settings", {undo: True})
    try:
        require_refused(plain_cluster, config, words)
    finally:
        if undo is None:
            plain_cluster.post(f"/{live}/_open")
        else:
            plain_cluster.put(f"/{live}/_settings", {undo: None})
    assert preflight(plain_cluster, config, Store(config.store)).ready


def test_a_former_generation_that_nobody_sees_is_named(plain_cluster: Cluster, config: CorpusConfig) -> None:
    live_index(plain_cluster, config)
    former = complete_candidate(plain_cluster, make_plan(config, build_id="20250101T000000-abcdef"))
    plain_cluster.post(f"/{former}/_close")
    try:
        assert any(
            f"{former} is closed" in words for words in preflight(plain_cluster, config, Store(config.store)).warnings
        )
    finally:
        plain_cluster.delete(f"/{former}")


def test_a_data_stream_of_that_name(plain_cluster: Cluster, config: CorpusConfig) -> None:
    plain_cluster.put(
        f"/_index_template/{config.alias}", {"index_patterns": [config.alias], "data_stream": {}, "priority": 3}
    )
    plain_cluster.put(f"/_data_stream/{config.alias}")
    try:
        require_refused(plain_cluster, config, rf"is the name of a data stream \(\.ds-{config.alias}-")
    finally:
        plain_cluster.delete(f"/_data_stream/{config.alias}")
        plain_cluster.delete(f"/_index_template/{config.alias}")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cluster.blocks.read_only", True, r"cluster\.blocks\.read_only is true: .*PUT /_cluster/settings"),
        ("cluster.blocks.read_only_allow_delete", True, r"cluster\.blocks\.read_only_allow_delete is true"),
        ("cluster.blocks.create_index", True, r"cluster\.blocks\.create_index is true"),
        ("cluster.routing.allocation.enable", "none", r"cluster\.routing\.allocation\.enable is none"),
        (
            "cluster.max_shards_per_node",
            1,
            r"A candidate has 2 shards with its replicas, .* Delete indices, add a node",
        ),
    ],
)
def test_a_cluster_that_takes_no_new_index(
    plain_cluster: Cluster, config: CorpusConfig, name: str, value: object, words: str
) -> None:
    config = changed(config, index={"replicas": 1})
    with persistently(plain_cluster, name, value):
        require_refused(plain_cluster, config, words, UnavailableError)
    assert preflight(plain_cluster, config, Store(config.store)).ready


def test_replicas_that_would_never_be_placed(plain_cluster: Cluster, config: CorpusConfig) -> None:
    with persistently(plain_cluster, "cluster.routing.allocation.enable", "primaries"):
        assert examine(plain_cluster, config, Store(config.store)).ready
        with_replica, words = changed(config, index={"replicas": 1}), r"allocation\.enable is primaries"
        require_refused(plain_cluster, with_replica, words, UnavailableError)


@pytest.mark.parametrize(
    ("name", "value"), [("action.auto_create_index", "false"), ("action.destructive_requires_name", "true")]
)
def test_what_no_build_needs_does_not_matter(
    plain_cluster: Cluster, config: CorpusConfig, name: str, value: str
) -> None:
    with persistently(plain_cluster, name, value):
        assert preflight(plain_cluster, config, Store(config.store)).ready


def test_a_codec_that_this_cluster_does_not_have(plain_cluster: Cluster, config: CorpusConfig) -> None:
    config = changed(config, index={"codec": "zstd_no_dict"})
    with pytest.raises(BuildError, match=r"unknown value for \[index\.codec\].*Correct `index\.codec`, or install"):
        preflight(plain_cluster, config, Store(config.store))


def test_policies_that_would_take_hold_of_a_candidate(config: CorpusConfig) -> None:
    """The plugin is published for no server of the tests: the answer is the one its documentation shows."""
    templates = {
        "theirs": [{"index_patterns": [f"{config.alias}-*"], "priority": 1}],
        "excluded": [{"index_patterns": ["*", f"-{config.alias}--*"]}],
        "elsewhere": [{"index_patterns": ["logs-*"]}],
        "by hand": None,
    }
    policies = [{"_id": name, "policy": {"policy_id": name, "ism_template": one}} for name, one in templates.items()]
    unasked = [{"_id": f"logs-{number}", "policy": {"ism_template": []}} for number in range(20)]

    def answer(_: str, path: str, *__: object) -> Any:
        """As many as were asked for, 20 of them when nothing was said."""
        (size,) = parse_qs(urlsplit(path).query).get("size", ["20"])
        return {"policies": [*unasked, *policies][: int(size)]}

    (warning,) = policy_warnings(fake_cluster(answer), config.alias)
    assert "the policy 'theirs' of Index State Management takes hold of every new index" in warning

    def forbidden(*_: object) -> None:
        raise http_error(403, "security_exception", "no permissions for [cluster:admin/opendistro/ism/policy/search]")

    (warning,) = policy_warnings(fake_cluster(forbidden), config.alias)
    assert "may not be asked (cluster:admin/opendistro/ism/policy/search)" in warning


def test_the_request_that_sets_what_is_missing_can_be_copied(plain_cluster: Cluster, config: CorpusConfig) -> None:
    with persistently(plain_cluster, FROM_FILE, "false"):
        found = examine(plain_cluster, config, Store(config.store))
        assert [problem.error for problem in found.problems] == [ConfigError]
        request = re.search(r"PUT (/\S+) (\{.*?\}\})", found.problems[0].message)
        assert request is not None
        assert json.loads(request[2]) == {"persistent": {FROM_FILE: "true"}}
        plain_cluster.put(request[1], json.loads(request[2]))
        assert examine(plain_cluster, config, Store(config.store)).ready


def test_ensure_sets_what_is_missing_and_remembers_what_was(plain_cluster: Cluster, config: CorpusConfig) -> None:
    config = changed(config, cluster_settings="ensure")
    with persistently(plain_cluster, FROM_FILE, "false"):
        found = preflight(plain_cluster, config, Store(config.store))
        assert found.former_settings == {FROM_FILE: "false"}
        assert f"Set: {FROM_FILE} (before: false)" in str(found)
        assert preflight(plain_cluster, config, Store(config.store)).former_settings == {}
        restore_settings(plain_cluster, dict(found.former_settings))
        assert not examine(plain_cluster, changed(config, cluster_settings="check"), Store(config.store)).ready


def test_ensure_says_when_a_transient_setting_wins_and_sets_nothing(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    config = changed(config, cluster_settings="ensure")
    with persistently(plain_cluster, FROM_FILE, None):
        plain_cluster.put("/_cluster/settings", {"transient": {FROM_FILE: "false"}})
        try:
            with pytest.raises(ConfigError, match="a transient setting overrides it"):
                preflight(plain_cluster, config, Store(config.store))
            with pytest.raises(ConfigError, match="a transient setting overrides it"):
                ensure_settings(plain_cluster, config)
            assert FROM_FILE not in persistent(plain_cluster)
        finally:
            plain_cluster.put("/_cluster/settings", {"transient": {FROM_FILE: None}})


def test_ensure_sets_nothing_where_nobody_would_keep_what_was(
    plain_cluster: Cluster, config: CorpusConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config = changed(config, cluster_settings="ensure")
    store = Store(config.store)
    with persistently(plain_cluster, FROM_FILE, "false"):
        refused = examine(plain_cluster, config, store, workers_share_files=False)
        assert refused.problems
        looked = examine(plain_cluster, config, store, changes=False)
        assert any(f"The next run sets {FROM_FILE}" in warning for warning in looked.warnings)
        for found in (refused, looked):
            assert found.former_settings == {}
        assert persistent(plain_cluster)[FROM_FILE] == "false"
        assert ensure_settings(plain_cluster, config) == {FROM_FILE: "false"}
        assert f'"{FROM_FILE}":"false"' in caplog.text


def test_a_node_with_as_many_models_as_it_may_hold(
    plain_cluster: Cluster, config: CorpusConfig, toy_models: Path
) -> None:
    group = group_name(config.alias, "20260101T000000-abcdef")
    deployed(plain_cluster, registered(plain_cluster, file_encoder(toy_models / "sparse" / "model.zip"), group))
    held = len(in_memory(plain_cluster))
    with persistently(plain_cluster, ML_LIMIT, held):
        warnings = preflight(plain_cluster, config, Store(config.store)).warnings
    words = rf"No room for another model on .*\({held}\).*max_model_on_node is {held}"
    assert any(re.search(words, warning) for warning in warnings), warnings


def test_what_a_dead_run_holds_is_in_nobodys_way(
    plain_cluster: Cluster, config: CorpusConfig, toy_models: Path
) -> None:
    group = group_name(config.alias, "20260101T000000-abcdef")
    deployed(plain_cluster, registered(plain_cluster, file_encoder(toy_models / "sparse" / "model.zip"), group))
    with persistently(plain_cluster, ML_LIMIT, len(in_memory(plain_cluster))):
        found = preflight(plain_cluster, config, Store(config.store), goes_on=lambda _: False)
    assert found.swept == (group,)


def test_a_model_that_should_be_there_and_is_not(plain_cluster: Cluster, config: CorpusConfig) -> None:
    config = changed(config, encoder={"model": {"source": "model_id", "model_id": "no-such-model"}})
    with pytest.raises(ConfigError, match=r"Model no-such-model does not exist.*encoder\.model\.model_id"):
        preflight(plain_cluster, config, Store(config.store))


def test_a_model_that_is_there_but_not_deployed(plain_cluster: Cluster, config: CorpusConfig, toy_models: Path) -> None:
    group = group_name(config.alias, "20260101T000000-abcdef")
    model_id = registered(plain_cluster, file_encoder(toy_models / "sparse" / "model.zip"), group)
    config = changed(config, encoder={"model": {"source": "model_id", "model_id": model_id}})
    with pytest.raises(ConfigError, match=rf"Model {model_id} is REGISTERED.*_plugins/_ml/models/{model_id}/_deploy"):
        preflight(plain_cluster, config, Store(config.store))


def build_of(cluster: Cluster, config: CorpusConfig, second: int, model_zip: Path | None = None) -> Plan:
    """What a build that died leaves: a candidate, and a registered model if asked for."""
    plan = make_plan(config, build_id=f"20250301T0600{second:02d}-abcdef")
    complete_candidate(cluster, plan)
    if model_zip is not None:
        registered(cluster, file_encoder(model_zip), plan.group)
    return plan


def test_what_dead_runs_left_is_swept_and_a_live_run_keeps_everything(
    plain_cluster: Cluster, config: CorpusConfig, toy_models: Path
) -> None:
    model_zip = toy_models / "sparse" / "model.zip"
    dead, running = (build_of(plain_cluster, config, second, model_zip) for second in (1, 2))
    newest = build_of(plain_cluster, config, 3)
    for kept_by_ignorance in (dead.group, dead.candidate, running.group, running.candidate):
        warnings = preflight(plain_cluster, config, Store(config.store)).warnings
        assert any(warning.startswith(f"{kept_by_ignorance} is there") for warning in warnings)

    found = preflight(plain_cluster, config, Store(config.store), goes_on=lambda build: build == running.build_id)
    assert set(found.swept) == {dead.group, dead.candidate}
    assert marked_groups(plain_cluster, config.alias) == [running.group]
    assert set(plain_cluster.get(f"/{config.alias}-*/_alias")) == {running.candidate, newest.candidate}
    assert preflight(plain_cluster, config, Store(config.store), goes_on=lambda _: True).swept == ()


def test_a_build_that_no_scheduler_knows_is_swept_when_it_left_its_receipt(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    """The same proof as the janitor's: such a build was made from the command line."""
    store, ended, perhaps_alive = Store(config.store), *(build_of(plain_cluster, config, second) for second in (1, 2))
    build_of(plain_cluster, config, 3)
    for plan in (ended, perhaps_alive):
        store.write_json(f"{plan.folder}/plan.json", {})
    store.write_json(f"{ended.folder}/receipt.json", {})
    assert preflight(plain_cluster, config, store, goes_on=lambda _: None).swept == (ended.candidate,)


def test_a_dead_runs_model_that_a_pipeline_needs_is_kept_and_named(
    plain_cluster: Cluster, config: CorpusConfig, toy_models: Path
) -> None:
    group = group_name(config.alias, "20250301T060001-abcdef")
    model_id = registered(plain_cluster, file_encoder(toy_models / "sparse" / "model.zip"), group)
    enricher = {"neural_query_enricher": {"default_model_id": model_id}}
    plain_cluster.put(f"/_search/pipeline/{config.alias}", {"request_processors": [enricher]})
    try:
        found = preflight(plain_cluster, config, Store(config.store), goes_on=lambda _: False)
    finally:
        plain_cluster.delete(f"/_search/pipeline/{config.alias}")
    assert found.swept == ()
    kept = f"model {model_id} is kept: search pipeline '{config.alias}' refers to it"
    assert any(kept in warning for warning in found.warnings), found.warnings
