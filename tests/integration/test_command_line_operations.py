"""What an operator does with `python -m sparse_index` where there is no Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from build_plans import remove_indices
from local_cluster import LocalCluster
from real_builds import built, planned, real_config, rows, text_hash_of, write_corpus
from sparse_index.builds.ending import Ending
from sparse_index.builds.receipt import write_receipt
from sparse_index.builds.sign_of_life import sign_of_life
from sparse_index.cli.main import main
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.console.generations import records
from sparse_index.live.alias import observe_alias
from sparse_index.ml.groups import create_group, marked_groups
from sparse_index.names import group_name, is_by_hand, new_build_id
from sparse_index.roles import role_bodies
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder

pytestmark = pytest.mark.integration
Call = Callable[..., tuple[int, str]]


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"by-hand-{uuid4().hex[:6]}", tmp_path, index={"replicas": 0})
    yield config
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def call(plain_server: LocalCluster, config: CorpusConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    file = tmp_path / "corpora" / "by-hand.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)))

    def run(command: str, *more: str) -> tuple[int, str]:
        code = main([command, str(file), *more, "--url", plain_server.url])
        said = capsys.readouterr()
        return code, said.out if code == 0 else said.err

    return run


def test_a_day_without_airflow(plain_cluster: Cluster, config: CorpusConfig, call: Call, tmp_path: Path) -> None:
    store = Store(config.store)
    write_corpus(config, rows(12))
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first, without={text_hash_of(store, first, "d4")})
    write_receipt(store, first, Ending("promoted", first.candidate, datetime.now(UTC)))

    code, said = call("redrive")
    assert (code, "1 dead letters of build" in said, "1 are live" in said) == (0, True, True), said
    second = str(observe_alias(plain_cluster, config.alias).index)
    assert second != first.candidate
    (record,) = records(store, config.alias).shown
    assert (record.what, is_by_hand(record.run_id or ""), record.summary in said) == ("redrive", True, True)
    assert call("redrive") == (0, f"'{config.alias}' has no open dead letters: nothing to redrive.\n")

    code, said = call("receipt")
    assert said.startswith(f"'{config.alias}' is on {second}; this build was promoted. Nothing is untidy.")
    assert "encode           parts 1, parts ended 1" in said
    code, said = call("receipt", "--json", "--build", first.build_id)
    assert json.loads(said)["build_id"] == first.build_id
    code, said = call("receipt", "--build", "20200101T000000-000000")
    assert (code, first.build_id in said) == (1, True)

    at_work = new_build_id(datetime.now(UTC), "abc")
    with sign_of_life(store, build_folder(config.alias, at_work)):
        code, said = call("rollback")
        assert (code, f"Build {at_work}" in said) == (1, True)
    code, said = call("rollback", "--to", "nonsense")
    assert (code, first.candidate in said) == (1, True)
    code, said = call("rollback")
    assert (code, observe_alias(plain_cluster, config.alias).index) == (0, first.candidate), said
    assert said.startswith(f"'{config.alias}' goes back from {second} to {first.candidate}.\n")
    assert f"Should this stop half-way: rollback --to {first.candidate}\n" in said
    assert store.exists(said.partition("Recorded in ")[2].split()[0].removesuffix("."))
    assert call("rollback", "--to", second)[0] == 0

    (tmp_path / "corpora" / "torn.yaml").write_text("alias: [")
    group = group_name(config.alias, at_work)
    create_group(plain_cluster, group, "what a killed run left")
    code, said = call("janitor")
    assert (code, f"models: {group}" in said, "A dry run" in said) == (0, True, True)
    assert said.startswith("The file of corpus 'torn' cannot be used: all that is its own stays.\n")
    assert marked_groups(plain_cluster, config.alias) == [group]
    code, said = call("janitor", "--clean")
    assert (code, "1 of 1 thing(s) done." in said) == (0, True), said
    assert marked_groups(plain_cluster, config.alias) == []


def test_documents_are_forgotten_by_hand(
    plain_cluster: Cluster, config: CorpusConfig, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.index.removal.EXPUNGE_DEADLINE_S", 0.0)
    store, ids = Store(config.store), tmp_path / "ids.csv"
    ids.write_text("id\nd2\nnobody\n")
    write_corpus(config, rows(4))
    plan = planned(plain_cluster, config)
    built(plain_cluster, config, plan)
    assert (call("forget")[0], store.files(f"{config.alias}/forgotten")) == (1, [])
    code, said = call("forget", "d1")
    assert (code, "only Airflow knows whether build" in said) == (1, True), "it may be a scheduler's, and go on"
    with sign_of_life(store, plan.folder):
        assert call("forget", "d1")[0] == 1
    code, said = call("forget", "d1", "--ids-from", str(ids))
    assert code == 0, said
    assert (
        f"'{config.alias}': 3 id(s) to be forgotten, 1 of them not there. Documents: {plan.candidate} 2; rows: " in said
    )
    assert f"'{config.alias}': 3 id(s) forgotten" in said
    assert f"Note: {plan.candidate} still holds " in said
    assert "Note: what the corpus still holds comes back with the next run as new: remove it there." in said
    assert plain_cluster.get(f"/{config.alias}/_count")["count"] == 2
    (record,) = store.files(f"{config.alias}/forgotten")
    assert store.full(record) in said


def test_the_janitor_without_a_scheduler_leaves_alone_what_may_be_a_schedulers(
    plain_cluster: Cluster, config: CorpusConfig, call: Call
) -> None:
    write_corpus(config, rows(3))
    plan = planned(plain_cluster, config)
    create_group(plain_cluster, plan.group, "of a run that Airflow knows")
    try:
        code, said = call("janitor", "--clean")
        assert (code, "0 of 0 thing(s) done." in said) == (0, True), said
        assert marked_groups(plain_cluster, config.alias) == [plan.group]
        code, said = call("doctor")
        assert f"{plan.group} is there: nobody knows the run" in said
    finally:
        with sign_of_life(Store(config.store), plan.folder):
            pass
        assert call("janitor", "--clean")[0] == 0
    assert marked_groups(plain_cluster, config.alias) == []


def test_roles_are_those_that_ship_for_this_alias(config: CorpusConfig, call: Call) -> None:
    code, said = call("roles")
    assert code == 0
    for name, body in role_bodies(config.alias).items():
        assert f"PUT _plugins/_security/api/roles/{name}\n{json.dumps(body, indent=2)}" in said
