"""P1 and P9 with a text that no model takes, and with a corpus that changes under the run."""

from __future__ import annotations

import pytest

from chaos_table import ChaosTable
from faulty_proxy import Fault, FaultyProxy, Seen
from promises import check_promises
from real_builds import MakeConfig, built, closed, documents, make_vectors, planned, rows, undisturbed, write_corpus
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import BuildKind
from sparse_index.cluster.client import Cluster
from sparse_index.encode.part import encode_part
from sparse_index.errors import CorpusError
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.part import index_part
from sparse_index.live.alias import observe_alias
from sparse_index.store.files import Store
from sparse_index.timing import Timing

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT = 120
POISON = "venomous"


def poisoned(seen: Seen) -> Fault:
    return Fault.BROKEN if "_predict" in seen.verb and POISON.encode() in seen.body else Fault.NONE


def test_one_poisoned_document_is_one_dead_letter(
    plain_cluster: Cluster, proxy: FaultyProxy, model_id: str, make_config: MakeConfig, chaos_table: ChaosTable
) -> None:
    twin, config = make_config("twin"), make_config("poisoned")
    good = rows(COUNT)
    bad = good[57] | {"body": POISON}
    write_corpus(twin, [row for row in good if row["id"] != bad["id"]])
    write_corpus(config, [bad if row["id"] == bad["id"] else row for row in good])
    expected = undisturbed(plain_cluster, planned(plain_cluster, twin), model_id)
    store, plan = Store(config.store), planned(plain_cluster, config)
    with chaos_table.line("One text that the model answers with 500, in a part of 120") as line:
        proxy.decide = poisoned
        result = encode_part(
            Cluster.connect(proxy.settings),
            store,
            plan,
            plan.encode_parts[0],
            {plan.fingerprint: model_id},
            cores=2,
            timing=Timing(sleep=lambda _: None),
        )
        assert (result.encoded, result.dead_letters) == (COUNT - 1, 1)
        prepare_candidate(plain_cluster, store, plan)
        for part in plan.index_parts:
            index_part(plain_cluster, store, plan, part)
        assert closed(plain_cluster, store, plan).dead_letters == 1
        check_promises(plain_cluster, store, plan, expected)
        letters = [row for path in letters_files(store, plan) for row in store.read_table(path).to_pylist()]
        assert {letter["id"] for letter in letters} == {bad["id"]}
        assert {letter["error_class"] for letter in letters if letter["stage"] == "encode"} == {"predict_failed"}
        line.result = "one dead letter that names it, 119 documents indexed"
        line.again = f"{proxy.texts_asked - COUNT}, to find it by halving"


def test_a_corpus_replaced_between_plan_and_index_is_noticed(
    plain_cluster: Cluster, make_config: MakeConfig, chaos_table: ChaosTable
) -> None:
    config = make_config("replaced")
    store = Store(config.store)
    write_corpus(config, rows(COUNT))
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    with chaos_table.line("The corpus's file is replaced between plan and index") as line:
        write_corpus(config, [row | {"stock": 1} for row in rows(COUNT)])
        second = planned(plain_cluster, config)
        assert second.kind is BuildKind.DELTA
        prepare_candidate(plain_cluster, store, second)
        replacement = [row | {"stock": 2} for row in rows(COUNT)]
        write_corpus(config, replacement)
        with pytest.raises(CorpusError, match="Trigger a new run"):
            index_part(plain_cluster, store, second, second.index_parts[0])
        assert observe_alias(plain_cluster, config.alias).members == (first.candidate,)
        third = planned(plain_cluster, config)
        make_vectors(store, third)
        built(plain_cluster, config, third)
        check_promises(plain_cluster, store, third)
        assert {row["stock"] for row in documents(plain_cluster, config.alias).values()} == {2}
        line.result = "the build stops and says so; the next one takes the new file"
