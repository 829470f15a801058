"""What a model that is used for the first time must be, and where it cuts texts."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from fake_model_server import MODEL, ModelServer
from fake_opensearch import fake_cluster
from kinds_of_vectors import SPARSE
from plan_help import config_at, planned, row, write
from probed import COUNT, DENSE, output, probes
from sparse_index.corpus.tokenizer import NoTokenizer, read_tokenizer
from sparse_index.errors import BuildError, ModelError
from sparse_index.gate.encoder import prove_encoder, some_encoder, token_limit
from sparse_index.gate.probe_texts import beyond
from sparse_index.store.files import Store
from sparse_index.vectors.probe import kept_probes


def test_the_numbers_of_a_dense_model_are_no_tokens() -> None:
    numbers = [random.Random(number) for number in range(COUNT)]
    dense: list[object] = [{f"[unused{place}]": chance.gauss(0, 1) for place in range(64)} for chance in numbers]
    check = some_encoder(SPARSE, probes(SPARSE, dense))
    assert check.verdict == "fail"
    assert "of the 64 tokens that it gives to 12 different texts each text has 100%" in check.words


def test_a_sparse_model_is_one_even_where_every_text_of_the_corpus_is_alike() -> None:
    ordinary: list[object] = [output(SPARSE, number) for number in range(COUNT)]
    assert some_encoder(SPARSE, probes(SPARSE, ordinary)).verdict == "pass"
    alike: list[object] = [{"order": 1.0, "number": 0.5, "late": number / 100} for number in range(1, COUNT)]
    assert some_encoder(SPARSE, probes(SPARSE, [*alike, *ordinary])).verdict == "pass"
    assert some_encoder(SPARSE, probes(SPARSE, alike[:7])).verdict == "pass", "too few to say"


def test_a_dense_model_that_says_one_thing_of_all_texts_is_none() -> None:
    assert some_encoder(DENSE, probes(DENSE, [output(DENSE, 1)] * COUNT)).verdict == "fail"
    assert some_encoder(DENSE, probes(DENSE, [output(DENSE, number) for number in range(COUNT)])).verdict == "pass"


def test_the_token_limit_of_the_model_and_that_of_the_corpus_file() -> None:
    def tokenizer(cut: str) -> bytes:
        words = '{"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}'
        return f'{{"version": "1.0", "added_tokens": [], "truncation": {cut}, "model": {words}}}'.encode()

    cuts = '{"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0}'
    at_128 = read_tokenizer(tokenizer(cuts))
    assert token_limit(at_128, 128).verdict == "pass"
    wrong = token_limit(at_128, 512)
    assert (wrong.verdict, wrong.value, wrong.limit) == ("fail", 128, 512)
    assert "Write `max_tokens: 128`" in wrong.words
    assert token_limit(read_tokenizer(tokenizer("null")), 512).verdict == "skipped"
    assert token_limit(NoTokenizer("the model is far away"), 512).words == "the model is far away."


@pytest.mark.parametrize("limit", [16, 256, 512])
def test_wherever_the_long_text_is_cut_it_loses_words(limit: int) -> None:
    words = beyond(limit).split()
    assert len(words) == 2 * limit
    assert set(words[: limit // 2]) < set(words[:limit]) < set(words)


def test_a_report_is_of_the_models_that_were_proven_and_of_none_that_was_deployed_after_them(tmp_path: Path) -> None:
    server, other = ModelServer(), "deployed-anew"

    def cluster(method: str, path: str, body: Any) -> Any:
        if "_predict" in path and path.endswith(other):
            path, body = path.replace(other, MODEL), {"text_docs": [text[::-1] for text in body["text_docs"]]}
        return server(method, path, body)

    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(number) for number in range(4)])
    plan, store = planned(config), Store(config.store)
    report = prove_encoder(fake_cluster(cluster), store, plan, {plan.fingerprint: MODEL})
    asked = len(server.requests)
    assert prove_encoder(fake_cluster(cluster), store, plan, {plan.fingerprint: MODEL}) == report
    assert len(server.requests) == asked
    with pytest.raises(BuildError, match=r"encoder: text_sparse: .* texts are not"):
        prove_encoder(fake_cluster(cluster), store, plan, {plan.fingerprint: other})


def zipped(model: Path, content: bytes) -> str:
    """The hash by which ML Commons knows it."""
    model.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("back", [False, True], ids=["exchanged", "exchanged and put back"])
def test_a_zip_that_was_exchanged_between_plan_and_registration_names_no_vectors(tmp_path: Path, back: bool) -> None:
    server, zip_file = ModelServer(), tmp_path / "model.zip"
    planned_one = zipped(zip_file, b"the planned one")
    deployed = [planned_one]

    def cluster(method: str, path: str, body: Any) -> Any:
        answer = server(method, path, body)
        return answer | {"model_content_hash_value": deployed[-1]} if path.endswith(f"/models/{MODEL}") else answer

    model = {"source": "file", "name": "m", "version": "1", "path": str(zip_file), "model_format": "TORCH_SCRIPT"}
    config = config_at(tmp_path, encoder={"model": model})
    write(tmp_path / "corpus", [row(number) for number in range(4)])
    plan, store = planned(config), Store(config.store)
    deployed.append(zipped(zip_file, b"another one"))
    if back:
        zipped(zip_file, b"the planned one")
    with pytest.raises(ModelError, match=rf"'text_sparse' was exchanged after the plan of build {plan.build_id}"):
        prove_encoder(fake_cluster(cluster), store, plan, {plan.fingerprint: MODEL})
    assert (server.requests, kept_probes(store, plan.fingerprint, SPARSE)) == ([], [])
    deployed.append(planned_one)
    zipped(zip_file, b"the planned one")
    prove_encoder(fake_cluster(cluster), store, plan, {plan.fingerprint: MODEL})
    assert kept_probes(store, plan.fingerprint, SPARSE)
