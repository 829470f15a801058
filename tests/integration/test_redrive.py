"""Dead letters tried again on the real server: what is live, gone or rejected again afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from build_plans import NOW, remove_indices
from real_builds import Row, built, planned, real_config, rows, text_hash_of, write_corpus
from sparse_index.builds.ending import Ending, Outcome
from sparse_index.builds.plan import Plan, save_plan
from sparse_index.builds.receipt import write_receipt
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.operations.redrive import Redrive, Redriven, select_letters, settle_letters
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

POISONED = ("d4", "d5", "d6")


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"redrive-{uuid4().hex[:8]}", tmp_path)
    yield config
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def store(config: CorpusConfig) -> Store:
    return Store(config.store)


def day(
    cluster: Cluster, config: CorpusConfig, content: list[Row], poisoned: Collection[str] = (), run_id: str = "test"
) -> Plan:
    """A promoted build whose model refused the texts of the documents in `poisoned`."""
    write_corpus(config, content)
    plan, store = planned_by(cluster, config, run_id), Store(config.store)
    built(cluster, config, plan, without={text_hash_of(store, plan, name) for name in poisoned})
    ended(store, plan, "promoted")
    return plan


def planned_by(cluster: Cluster, config: CorpusConfig, run_id: str) -> Plan:
    plan = planned(cluster, config)
    plan = plan.model_copy(update={"request": plan.request.model_copy(update={"run_id": run_id})})
    save_plan(Store(config.store), plan)
    return plan


def ended(store: Store, plan: Plan, outcome: Outcome) -> None:
    write_receipt(store, plan, Ending(outcome, plan.candidate, datetime.now(UTC)))


def test_letters_are_live_gone_or_rejected_again(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    content = rows(20)
    first = day(plain_cluster, config, content, POISONED)
    selection = select_letters(plain_cluster, store, config)
    assert selection is not None
    assert (selection.build_id, selection.letters, selection.data_date) == (first.build_id, 3, first.request.data_date)
    assert f"Build {first.build_id} of '{config.alias}' has 3 open dead letters: 3 x " in str(selection)

    content[4] |= {"body": "corrected"}
    del content[5]
    second = day(plain_cluster, config, content, ["d6"], run_id="redrive__1")
    done = settle_letters(plain_cluster, store, config, selection, run_id="redrive__1", now=NOW)
    assert (done.tried, done.indexed, done.gone, done.remaining) == (3, 1, 1, ["d6"])
    assert "1 are live, 1 are no longer in the corpus, 1 were rejected again." in str(done)
    assert Redrive.model_validate(store.read_json(f"{first.folder}/redrive.json")) == done
    assert settle_letters(plain_cluster, store, config, selection, run_id="redrive__1", now=NOW) == done
    record = Redriven.model_validate(store.read_json(f"{config.alias}/redrives/{second.build_id}.json"))
    assert (record.summary, record.run_id, record.by_build) == (str(done), "redrive__1", second.build_id)

    still = select_letters(plain_cluster, store, config)
    assert still is not None
    assert (still.build_id, still.letters) == (second.build_id, 1), "its new letter is the newer build's"
    day(plain_cluster, config, content, run_id="redrive__2")
    assert settle_letters(plain_cluster, store, config, still, run_id="redrive__2", now=NOW).indexed == 1
    assert select_letters(plain_cluster, store, config) is None


def test_a_run_that_did_not_promote_clears_nothing(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    day(plain_cluster, config, rows(20), POISONED)
    selection = select_letters(plain_cluster, store, config)
    assert selection is not None
    ended(store, planned_by(plain_cluster, config, "test-2"), "failed")
    with pytest.raises(BuildError, match=r"Run test-2 of .* left no build that was promoted: its receipt says why"):
        settle_letters(plain_cluster, store, config, selection, run_id="test-2", now=NOW)
    assert select_letters(plain_cluster, store, config) == selection


def test_what_an_ordinary_run_has_indexed_meanwhile_is_not_redriven(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    first = day(plain_cluster, config, rows(20), POISONED)
    day(plain_cluster, config, rows(20))
    assert select_letters(plain_cluster, store, config) is None
    assert select_letters(plain_cluster, store, config, first.build_id) is None


def test_an_unknown_build_fails_with_the_list(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    with pytest.raises(BuildError, match="has no live index of ours: there is nothing to redrive into"):
        select_letters(plain_cluster, store, config)
    first = day(plain_cluster, config, rows(20), POISONED)
    with pytest.raises(BuildError) as caught:
        select_letters(plain_cluster, store, config, "20200101T000000-abcdef")
    assert f"Builds with open dead letters: {first.build_id}." in caught.value.message


def test_a_document_with_one_refused_passage_is_one_open_letter_and_comes_back_whole(
    plain_cluster: Cluster, tmp_path: Path
) -> None:
    plain = real_config(f"redrive-{uuid4().hex[:8]}", tmp_path)
    field = {"kind": "sparse", "long_texts": "passages", "passages": {"tokens": 30, "overlap": 6}}
    encoder = plain.model_dump()["encoder"]
    config = CorpusConfig.model_validate(
        plain.model_dump(exclude={"encoder", "index", "vectors"})
        | {"vectors": {"text_sparse": field | {"encoder": encoder}}, "index": {"replicas": 0}}
    )
    store = Store(config.store)
    paragraphs = ["give me my money back please. " * 4, "the parcel did not arrive at all. " * 4]
    content = [{**each, "body": "\n\n".join([*paragraphs, f"order {each['id']} is late."])} for each in rows(3)]
    write_corpus(config, content)
    try:
        plan = planned_by(plain_cluster, config, "test")
        (part,) = plan.encode_parts
        last = [item["text_hash"] for item in store.read_table(part.path).to_pylist() if item["row"] == 1][-1]
        built(plain_cluster, config, plan, without={last})
        ended(store, plan, "promoted")
        assert plain_cluster.get(f"/{config.alias}/_count")["count"] == 2
        selection = select_letters(plain_cluster, store, config)
        assert selection is not None
        assert (selection.letters, selection.reasons) == (1, {"predict_failed": 1})
        again = planned_by(plain_cluster, config, "redrive__1")
        assert (again.counts.new, again.counts.texts_to_encode) == (1, 1), "the other passages are there"
        built(plain_cluster, config, again)
        ended(store, again, "promoted")
        done = settle_letters(plain_cluster, store, config, selection, run_id="redrive__1", now=NOW)
        assert (done.tried, done.indexed, done.remaining) == (1, 1, [])
        whole = plain_cluster.get(f"/{config.alias}/_doc/d1")["_source"]["text_sparse"]
        assert whole[-1]["text"] == "order d1 is late."
        assert all(passage["vector"] for passage in whole)
    finally:
        remove_indices(plain_cluster, config.alias)
