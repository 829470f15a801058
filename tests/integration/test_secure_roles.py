"""The shipped roles are enough for what they are for, on a cluster that lends nothing, and for no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import secure_accounts
from build_plans import complete_candidate, make_plan
from fake_runs import FakeRuns
from forgetting import forgotten, holding, site
from local_cluster import LocalCluster
from ml_verbs import registered
from real_builds import real_config, rows, write_corpus
from real_serving import SEARCH, models, pipelines, remove_served
from real_serving import search as search_by_text
from secure_accounts import ACCESS_CONTROL, accounts
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig, RetentionConfig
from sparse_index.config.search import SearchConfig, SearchMode
from sparse_index.console.cluster_models import breaker_counts, deployed_models, running_tasks
from sparse_index.console.cluster_nodes import health, limits, nodes
from sparse_index.console.live import live_indices
from sparse_index.errors import AccessError
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import SEARCH_PIPELINE
from sparse_index.ml.groups import marked_groups
from sparse_index.operations.cleanup import Kind
from sparse_index.operations.janitor import clean, look
from sparse_index.operations.rollback import choose_target, roll_back
from sparse_index.pipeline import run
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given
from sparse_index.query.search import search
from sparse_index.roles import role_bodies
from sparse_index.serving.act import Serving, delete_group, serve
from sparse_index.serving.needs import needs_of
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

pytestmark = [pytest.mark.integration, pytest.mark.secure]

ALIAS = "roles-test"
ROLES = role_bodies(ALIAS)
STATS = "cluster:admin/opensearch/ml/stats/nodes"
EVERYTHING: dict[str, Any] = {"query": {"match_all": {}}}


@pytest.fixture(scope="module")
def hardened(secure_cluster: Cluster) -> Iterator[Cluster]:
    """The administrator of a cluster where models are private and no role is lent."""
    with secure_accounts.hardened(secure_cluster):
        yield secure_cluster
        secure_cluster.delete(f"/{ALIAS}--b*")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> CorpusConfig:
    return real_config(ALIAS, tmp_path_factory.mktemp("roles"))


@pytest.fixture(scope="module")
def users(hardened: Cluster, secure_server: LocalCluster) -> Iterator[dict[str, Cluster]]:
    """Role -> the cluster as somebody sees it who has this shipped role and nothing else."""
    clusters = accounts(secure_server, hardened, ROLES)
    yield clusters
    for cluster in clusters.values():
        cluster.close()


@pytest.fixture(scope="module")
def builder(users: dict[str, Cluster]) -> Cluster:
    return users["sparse_index_build"]


@pytest.fixture(scope="module")
def reader(users: dict[str, Cluster]) -> Cluster:
    return users["sparse_index_read"]


@pytest.fixture(scope="module")
def plans(builder: Cluster, config: CorpusConfig) -> list[Plan]:
    """A first build and a day after it."""
    return [build(builder, config, rows(20)), build(builder, config, rows(19))]


def build(builder: Cluster, config: CorpusConfig, content: list[dict[str, Any]]) -> Plan:
    write_corpus(config, content)
    request = RunRequest(run_id="test", data_date=date(2026, 1, 2))
    done = run(builder, config, Store(config.store), request)
    assert done.receipt["outcome"] == "promoted"
    return done.plan


def test_the_build_role_builds_clones_promotes_and_cleans_up(hardened: Cluster, plans: list[Plan]) -> None:
    first, second = plans
    assert (first.kind, second.kind) == (BuildKind.FULL, BuildKind.DELTA)
    assert observe_alias(hardened, ALIAS).members == (second.candidate,)
    assert hardened.get(f"/{ALIAS}/_count")["count"] == 19
    assert marked_groups(hardened, ALIAS) == []
    assert hardened.post("/_plugins/_ml/models/_search", EVERYTHING)["hits"]["hits"] == []


def test_the_build_role_goes_back_and_forward(
    hardened: Cluster, builder: Cluster, config: CorpusConfig, plans: list[Plan]
) -> None:
    store, now = Store(config.store), datetime.now(UTC)
    for plan, index in ((plans[0], "previous"), (plans[1], plans[1].candidate)):
        target = choose_target(builder, config, index, now=now, run_id="test")
        done = roll_back(builder, store, config, target, now=now)
        assert (done.live, done.notes) == (plan.candidate, [])
        assert observe_alias(hardened, ALIAS).members == (plan.candidate,)


def test_the_build_role_takes_along_what_others_attached(
    hardened: Cluster, builder: Cluster, config: CorpusConfig, plans: list[Plan]
) -> None:
    """It sees aliases that are not in its patterns, and moves them: only the indices are asked for."""
    live, theirs = plans[1].candidate, "reports-of-another-team"
    filtered = {"index": live, "alias": ALIAS, "is_write_index": True, "filter": {"range": {"stock": {"lt": 9}}}}
    hardened.post("/_aliases", {"actions": [{"add": filtered}, {"add": {"index": live, "alias": theirs}}]})
    attached = hardened.get(f"/{live}/_alias")[live]["aliases"]
    try:
        for to in (plans[0].candidate, live):
            target = choose_target(builder, config, to, now=datetime.now(UTC), run_id="test")
            roll_back(builder, Store(config.store), config, target, now=datetime.now(UTC))
            assert hardened.get(f"/{to}/_alias")[to]["aliases"] == attached
            assert set(hardened.get(f"/_alias/{theirs}")) == {to}
    finally:
        restored = {"add": {"index": live, "alias": ALIAS, "is_write_index": True}}
        hardened.post("/_aliases", {"actions": [restored, {"remove": {"index": live, "alias": theirs}}]})


def test_the_build_role_tidies_up(hardened: Cluster, builder: Cluster, config: CorpusConfig, plans: list[Plan]) -> None:
    """A model in its group, a candidate and a generation, as the administrator sees them afterwards."""
    dead = make_plan(config, build_id="20250101T000000-abcdef")
    complete_candidate(builder, dead)
    registered(builder, config.encoder, dead.group)
    narrow = config.model_copy(update={"retention": RetentionConfig(generations=0)})
    store, clusters, now = Store(config.store), {config.connection: builder}, datetime.now(UTC)
    runs = FakeRuns({plan.build_id: False for plan in (dead, *plans)})
    decided = look(clusters, store, [narrow], now=now, runs=runs)
    done = clean(clusters, store, [narrow], decided, now=now, runs=runs)
    assert {action.kind for action in done.actions} == {Kind.MODELS, Kind.CANDIDATE, Kind.GENERATION}
    assert set(hardened.get(f"/{ALIAS}--b*/_alias")) == {plans[1].candidate}
    assert marked_groups(hardened, ALIAS) == []
    assert hardened.post("/_plugins/_ml/models/_search", EVERYTHING)["hits"]["hits"] == []


def test_the_build_role_forgets_and_says_what_lucene_still_holds(
    builder: Cluster, config: CorpusConfig, plans: list[Plan]
) -> None:
    """Unless it may force merges: the role that ships may not."""
    place = site(builder, config, FakeRuns({plan.build_id: False for plan in plans}))
    done = forgotten(place, "d3")
    assert builder.get(f"/{ALIAS}/_count")["count"] == 18
    notes = [note for note in done.notes if "may hold deleted documents until its next merges" in note]
    assert len(notes) == len(done.documents)
    assert all("indices:admin/forcemerge" in note for note in notes)
    assert holding(place.store, "body number 3") == []


def test_the_build_role_ends_at_its_alias(hardened: Cluster, builder: Cluster) -> None:
    # The second is the index of a corpus whose alias begins as ours does.
    others = ("somebody-elses", f"{ALIAS}-archive--b20250101t000000-abcdef")
    for name in others:
        hardened.put(f"/{name}")
    refused = [(method, f"/{name}{verb}") for name in others for method, verb in (("GET", "/_search"), ("DELETE", ""))]
    try:
        for method, path in (*refused, ("PUT", "/another"), ("PUT", f"/{ALIAS}-another")):
            with pytest.raises(AccessError, match=r"permission missing \(403\)"):
                builder.request(method, path)
        with pytest.raises(AccessError, match=r"cluster:admin/settings/update"):
            builder.put("/_cluster/settings", {"persistent": {ACCESS_CONTROL: None}})
        assert list(live_indices(builder, [others[0], ALIAS]).refused) == [others[0]]
        assert marked_groups(builder, ALIAS, others[0]) == []
    finally:
        for name in others:
            hardened.delete(f"/{name}")


@pytest.mark.usefixtures("plans")
def test_the_build_role_shows_a_cluster_but_for_one_count_and_says_what_that_needs(
    hardened: Cluster, secure_server: LocalCluster, builder: Cluster
) -> None:
    """The questions of the console's cluster page."""
    for question in (health, nodes, limits, deployed_models, running_tasks):
        question(builder)
    with pytest.raises(AccessError, match=STATS):
        breaker_counts(builder)
    role = ROLES["sparse_index_build"]
    more = role | {"cluster_permissions": [*role["cluster_permissions"], STATS]}
    with closing(accounts(secure_server, hardened, {"counting": more})["counting"]) as counting:
        assert set(breaker_counts(counting)) == {node.id for node in nodes(counting)}


def test_the_read_role_searches_the_alias(reader: Cluster, config: CorpusConfig) -> None:
    full_text = search(reader, config, "body number 4", mode=SearchMode.BM25)
    assert full_text.hits[0].id == "d4"
    tokens = Given(tokens={config.index.vector_field: {"number": 1.0, "body": 1.0}})
    found = search(reader, config, "", size=5, given=tokens)
    assert len(found.hits) == 5
    assert "may search" in found.notes[0]


@pytest.mark.usefixtures("plans")
def test_the_read_role_lets_the_cluster_fuse(reader: Cluster, config: CorpusConfig) -> None:
    sides = ("bm25", config.index.vector_field)
    fused = config.model_copy(update={"search": SearchConfig(sides=sides)})
    tokens = Given(tokens={config.index.vector_field: {"number": 1.0, "body": 1.0}})
    answer = search(reader, fused, "body number 4", mode=SearchMode.HYBRID, given=tokens)
    assert (answer.via, answer.degraded, answer.index) == (Via.SERVER, (), config.alias)
    assert set(answer.hits[0].sides) == set(sides)


def test_the_read_role_can_do_nothing_else(reader: Cluster, hardened: Cluster, plans: list[Plan]) -> None:
    hardened.put("/somebody-elses")
    document = {"title": "mine"}
    try:
        for method, path, body in (
            ("GET", "/somebody-elses/_search", None),
            ("PUT", f"/{ALIAS}/_doc/1", document),
            ("DELETE", f"/{plans[-1].candidate}", None),
            ("GET", "/_plugins/_ml/models/x", None),
            ("GET", f"/{ALIAS}/_mapping", None),
        ):
            with pytest.raises(AccessError, match=r"permission missing \(403\)"):
                reader.request(method, path, body)
    finally:
        hardened.delete("/somebody-elses")


@pytest.mark.usefixtures("plans")
def test_the_built_in_analyzer_needs_one_permission_more_and_says_which(reader: Cluster, config: CorpusConfig) -> None:
    with pytest.raises(AccessError, match=r"indices:admin/analyze"):
        search(reader, config, "body number 3")


@pytest.fixture(scope="module")
def shared(config: CorpusConfig) -> CorpusConfig:
    """The same corpus, whose queries a shared model encodes."""
    encoder = config.encoder.model_dump(exclude_unset=True) | {"lifecycle": "shared"}
    model = encoder["model"] | {"name": "roles-shared"}
    changes = {"encoder": encoder | {"model": model}, "search": SEARCH}
    return CorpusConfig.model_validate(config.model_dump(exclude_unset=True) | changes)


def test_the_serve_role_keeps_what_builds_and_readers_need(
    users: dict[str, Cluster], builder: Cluster, reader: Cluster, hardened: Cluster, shared: CorpusConfig
) -> None:
    """Models are private here but for the group of a shared one: the build encodes with it, the reader's texts, too."""
    serving = Serving(users["sparse_index_serve"], Store(shared.store), shared, REAL_TIME)
    assert serve(serving).steps == []
    try:
        plan = build(builder, shared, rows(12))
        assert plan.search_pipeline is not None
        assert [pipeline for pipeline in pipelines(serving) if pipeline != plan.search_pipeline] == []
        assert "d4" in search_by_text(Serving(reader, serving.store, shared, REAL_TIME))
        assert serve(serving).steps == []
        (need,) = needs_of(shared)
        assert len(models(serving)) == 1
        plain = Serving(serving.cluster, serving.store, real_config(ALIAS, Path(shared.store)), REAL_TIME)
        assert "refers to it" in str(delete_group(plain, need.group)), "an index names a pipeline with it"
    finally:
        hardened.put(f"/{ALIAS}--b*/_settings", {SEARCH_PIPELINE: None})
        remove_served(serving)


@pytest.mark.usefixtures("plans")
def test_only_the_serve_role_puts_and_deletes_pipelines(users: dict[str, Cluster], hardened: Cluster) -> None:
    path = f"/_search/pipeline/{ALIAS}"
    for name, cluster in users.items():
        for method, body in (("PUT", {"request_processors": []}), ("DELETE", None)):
            if name == "sparse_index_serve":
                cluster.request(method, path, body)
                continue
            with pytest.raises(AccessError, match=r"permission missing"):
                cluster.request(method, path, body)
    assert ALIAS not in (hardened.find("/_search/pipeline") or {})


def test_the_serve_role_deletes_no_index(users: dict[str, Cluster], plans: list[Plan]) -> None:
    with pytest.raises(AccessError, match=r"permission missing"):
        users["sparse_index_serve"].delete(f"/{plans[-1].candidate}")


def test_the_store_never_sees_the_password(plans: list[Plan], config: CorpusConfig) -> None:
    assert plans
    texts = [path.read_bytes() for path in Path(config.store).rglob("*.json")]
    assert texts
    assert not any(b"a-Long-" in text for text in texts)
