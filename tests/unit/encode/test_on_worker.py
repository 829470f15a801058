"""`encoder.run_on: worker`: the model's zip in the task's own process; everything around it as with the cluster's model."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from demo.model_archive import zip_of
from fake_opensearch import fake_cluster
from fake_torch import WORDS, OutOfMemoryError, Told, fake_torch, weight, write_zip
from plan_help import config_at, live_cluster, planned, row, write
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import EncodeResult
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import EncoderConfig, Pruning
from sparse_index.encode import where
from sparse_index.encode.part import encode_part
from sparse_index.errors import ConfigError, ModelError, OverloadedError
from sparse_index.gate.encoder import prove_encoder
from sparse_index.plan import parts
from sparse_index.store.files import Store
from sparse_index.timing import Timing
from sparse_index.vectors.files import vector_paths
from sparse_index.vectors.probe import Probe, write_probes
from sparse_index.vectors.sparse import sparse_kind

TEXTS = ["alpha", "beta alpha", "delta", "alpha beta delta alpha"]
NO_WAIT = Timing(sleep=lambda _: None)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch())


def corpus_of(
    folder: Path, texts: list[str], run_on: str = "worker", *, model_format: str = "TORCH_SCRIPT", **limits: Any
) -> CorpusConfig:
    path = str(write_zip(folder / "model.zip", "sparse.onnx" if model_format == "ONNX" else "sparse.pt"))
    model = {"source": "file", "name": "m", "version": "1", "path": path, "model_format": model_format}
    encoder = {"model": model, "run_on": run_on, "max_tokens": 3}
    config = config_at(folder, encoder=encoder, limits=limits, source={"text_template": "{body}"})
    write(folder / "corpus", [row(number, body=text) for number, text in enumerate(texts)])
    return config


def planned_on(config: CorpusConfig) -> Plan:
    return planned(config, cluster=live_cluster(config, None))


def encoded(config: CorpusConfig, plan: Plan) -> EncodeResult:
    """By a cluster that answers nothing."""
    (part,) = plan.encode_parts
    ids = {plan.fingerprint: "gone"}
    cluster = fake_cluster(lambda *asked: pytest.fail(f"the cluster was asked for {asked[:2]}"))
    return encode_part(cluster, Store(config.store), plan, part, ids, cores=1, timing=NO_WAIT)


def vectors(config: CorpusConfig, plan: Plan) -> list[tuple[tuple[str, ...], tuple[float, ...]]]:
    store = Store(config.store)
    found = [each for path in vector_paths(store, plan.fingerprint) for each in store.read_table(path).to_pylist()]
    return sorted((tuple(each["tokens"]), tuple(round(one, 3) for one in each["weights"])) for each in found)


def said(words: list[str]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    ordered = sorted(words, key=lambda word: (-weight(word), word))
    return tuple(ordered), tuple(round(weight(word), 3) for word in ordered)


def test_texts_are_encoded_without_the_cluster_and_cut_where_the_tokenizer_cuts(tmp_path: Path) -> None:
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    result = encoded(config, plan)
    assert (result.encoded, result.dead_letters) == (len(TEXTS), 0)
    assert vectors(config, plan) == sorted(said(list(dict.fromkeys(text.split()[:3]))) for text in TEXTS)


def proven(config: CorpusConfig, plan: Plan) -> None:
    """What the cluster's copy says of some texts is kept, as after a build that proved it."""
    said_there = [dict.fromkeys(text.split()[:3], 0.0) for text in TEXTS]
    vectors_there = [
        (tuple(sorted(words)), tuple(float(np.float32(weight(word))) for word in sorted(words))) for words in said_there
    ]
    probes = [replace(probe, vector=vector) for probe, vector in zip(probe_texts(), vectors_there, strict=True)]
    write_probes(Store(config.store), plan.fingerprint, sparse_kind(Pruning()), probes)


def told_torch(monkeypatch: pytest.MonkeyPatch, **told: Any) -> Told:
    it = Told(**told)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(it))
    return it


@pytest.mark.parametrize(
    ("told", "device", "half", "words"),
    [
        ({"gpu": True}, "cuda", "fp16", "Fake GPU, fp16, in batches: differs by 0"),
        ({"gpu": True, "halves": {"fp16": 0.01}}, "cuda", None, "fp16, in batches: differs by 0.01 of the largest"),
        ({"gpu": True, "by_neighbours": 0.1}, "cuda", None, "full precision, text by text: differs by"),
        ({"gpu": True, "refuses": "cuda"}, "cpu", None, "on its CPU (Fake GPU, fp16, in batches: differs by 1 of"),
        ({"by_neighbours": 0.1}, "cpu", None, "CPU, text by text: differs by"),
    ],
)
def test_the_fastest_way_that_says_what_the_cluster_says_is_taken_and_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    told: dict[str, Any],
    device: str,
    half: str | None,
    words: str,
) -> None:
    caplog.set_level("INFO")
    it = told_torch(monkeypatch, **told)
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    proven(config, plan)
    assert encoded(config, plan).encoded == len(TEXTS)
    assert it.at[-1] == (device, half)
    assert it.shapes[-1] == ((1, 1) if told.get("by_neighbours") else (len(TEXTS), 3))
    (said_once,) = (each for each in caplog.records if "runs on worker" in each.getMessage())
    assert words in said_once.getMessage()
    assert socket.gethostname() in said_once.getMessage()
    assert (said_once.levelname == "WARNING") is (told.get("refuses") == "cuda")
    assert vectors(config, plan) == sorted(said(list(dict.fromkeys(text.split()[:3]))) for text in TEXTS)


@pytest.mark.parametrize(
    ("told", "is_proven"),
    [
        ({"unloadable": {"cuda": OutOfMemoryError("CUDA out of memory")}}, True),
        ({"unloadable": {"cuda": OutOfMemoryError("CUDA out of memory")}}, False),
        ({"unloadable": {"cuda": RuntimeError("no kernel image is available")}}, True),
        ({"full": "cuda"}, True),
    ],
    ids=["no room for the model", "nor without a probe", "another kind of GPU", "no room for a text"],
)
def test_a_gpu_that_has_no_room_for_the_model_leaves_it_to_the_cpu(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    told: dict[str, Any],
    is_proven: bool,
) -> None:
    it = told_torch(monkeypatch, gpu=True, **told)
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    if is_proven:
        proven(config, plan)
    assert encoded(config, plan).encoded == len(TEXTS)
    assert {device for device, _ in it.at} == {"cpu"}
    (said_once,) = (each for each in caplog.records if "runs on worker" in each.getMessage())
    assert said_once.levelname == "WARNING"
    assert "on its CPU (Fake GPU, " in said_once.getMessage()


@pytest.mark.parametrize(
    ("error", "ours", "words"),
    [
        (RuntimeError("PytorchStreamReader failed"), ModelError, "cannot be loaded on this worker .*failed$"),
        (RuntimeError("can't allocate memory"), OverloadedError, "This worker's memory is used up by the model"),
    ],
)
def test_a_program_that_cannot_be_loaded_is_told_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, ours: type[Exception], words: str
) -> None:
    told_torch(monkeypatch, unloadable={"cpu": error})
    config = corpus_of(tmp_path, TEXTS)
    with pytest.raises(ours, match=words):
        encoded(config, planned_on(config))


def test_a_tokenizer_that_cannot_be_read_is_told_in_our_words(tmp_path: Path) -> None:
    config = corpus_of(tmp_path, TEXTS)
    (tmp_path / "model.zip").write_bytes(zip_of({"sparse.pt": b"a program", "tokenizer.json": b"{}"}))
    with pytest.raises(ModelError, match=r"The model's tokenizer.json cannot be read: "):
        encoded(config, planned_on(config))


class Onnx:
    """As much of onnxruntime as loading asks for, on a worker whose GPU it cannot use, which it says in a log alone."""

    SessionOptions = SimpleNamespace

    def __init__(self, *, loads: bool = True) -> None:
        self.loads = loads

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, content: bytes, options: Any, providers: list[str]) -> Any:
        if not self.loads:
            raise Exception("INVALID_PROTOBUF : Protobuf parsing failed.")
        return SimpleNamespace(
            get_providers=lambda: ["CPUExecutionProvider"],
            get_inputs=lambda: [SimpleNamespace(name="input_ids")],
            get_outputs=lambda: [SimpleNamespace(name="sentence_embedding")],
            run=lambda _, rows: [np.ones((len(rows["input_ids"]), len(WORDS)), np.float32)],
        )


def test_a_way_that_falls_back_to_the_cpu_by_itself_is_none_of_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = corpus_of(tmp_path, TEXTS, model_format="ONNX")
    plan = planned_on(config)
    monkeypatch.setitem(sys.modules, "onnxruntime", Onnx())
    assert encoded(config, plan).encoded == len(TEXTS)
    (said_once,) = (each.getMessage() for each in caplog.records if "runs on worker" in each.getMessage())
    assert "on its CPU (GPU, text by text: " in said_once
    assert "onnxruntime cannot use CUDAExecutionProvider here" in said_once


def test_an_onnx_file_that_cannot_be_loaded_is_told_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = corpus_of(tmp_path, TEXTS, model_format="ONNX")
    monkeypatch.setitem(sys.modules, "onnxruntime", Onnx(loads=False))
    with pytest.raises(ModelError, match=r"cannot be loaded on this worker .*Protobuf parsing failed"):
        encoded(config, planned_on(config))


def test_a_worker_that_says_something_else_stops_before_anything_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_torch(monkeypatch, scale=1.01)
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    proven(config, plan)
    with pytest.raises(ModelError, match=r"does not say on worker .*CPU, text by text: .* in 4 of 4 texts.*'hash0'"):
        encoded(config, plan)
    assert vectors(config, plan) == []


def test_batches_are_of_like_length_within_a_number_of_tokens_and_the_longest_are_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.encode.programs.ON_CORE", 6)
    it = told_torch(monkeypatch)
    texts = ["alpha", "beta alpha delta", "delta", "beta delta", "delta beta alpha", "alpha beta", "beta"]
    config = corpus_of(tmp_path, texts)
    plan = planned_on(config)
    proven(config, plan)
    before = len(it.shapes)
    result = encoded(config, plan)
    assert it.shapes[before + 2 :] == [(2, 3), (3, 2), (2, 1)]
    assert result.encoded == len(texts)
    assert vectors(config, plan) == sorted(said(text.split()) for text in texts)


@pytest.mark.parametrize(
    "error", [OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: unspecified launch")]
)
def test_what_a_worker_or_its_gpu_lacks_for_a_moment_is_no_fault_of_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(Told(fails=[error, error])))
    config = corpus_of(tmp_path, TEXTS)
    result = encoded(config, planned_on(config))
    assert (result.encoded, result.dead_letters) == (len(TEXTS), 0)


def test_a_text_that_the_program_cannot_take_is_a_dead_letter(tmp_path: Path) -> None:
    config = corpus_of(tmp_path, [*TEXTS, "alpha gamma"], max_dead_letter_share=1)
    result = encoded(config, planned_on(config))
    assert (result.encoded, result.dead_letters) == (len(TEXTS), 1)


def test_where_texts_are_encoded_is_not_in_the_fingerprint(tmp_path: Path) -> None:
    prints = {planned_on(corpus_of(tmp_path, TEXTS, run_on)).fingerprint for run_on in ("worker", "cluster")}
    assert len(prints) == 1


def test_a_zip_that_was_exchanged_after_the_plan_stops_the_task(tmp_path: Path) -> None:
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    (tmp_path / "model.zip").write_bytes(b"another one")
    with pytest.raises(ModelError, match="was exchanged after the plan of build"):
        encoded(config, plan)


@pytest.mark.parametrize(
    ("model_format", "library", "extra"),
    [("TORCH_SCRIPT", "torch", "worker"), ("ONNX", "onnxruntime", "worker-onnx")],
)
def test_a_worker_without_the_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_format: str, library: str, extra: str
) -> None:
    config = corpus_of(tmp_path, TEXTS, model_format=model_format)
    plan = planned_on(config)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=f"needs {library} on every worker .* extra `{extra}`"):
        encoded(config, plan)


def answering(_method: str, path: str, body: Any) -> Any:
    """The same model in the cluster."""
    if "/_predict/" not in path:
        return {"nodes": {}, "model_state": "DEPLOYED"}
    known = ("alpha", "beta", "delta", "[UNK]")
    words = [[word if word in known else "[UNK]" for word in text.split()[:3]] for text in body["text_docs"]]
    maps = [{"response": [{word: weight(word) for word in of_text}]} for of_text in words]
    return {"inference_results": [{"output": [{"dataAsMap": each}]} for each in maps]}


def prove(config: CorpusConfig, plan: Plan) -> dict[str, str]:
    ids = {plan.fingerprint: "there"}
    report = prove_encoder(fake_cluster(answering), Store(config.store), plan, ids, NO_WAIT)
    return {check.name: check.verdict for check in report.checks}


def test_a_worker_is_compared_with_the_cluster_before_anything_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.gate.encoder.texts_to_probe", probe_texts)
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(Told(scale=1.01)))
    with pytest.raises(ModelError, match=r"Vector field '.*in 4 of 4 texts of the probe"):
        prove(config, plan)
    monkeypatch.setitem(sys.modules, "torch", fake_torch())
    assert prove(config, plan)["worker"] == "pass"


def probe_texts(*_: Any) -> list[Probe]:
    return [Probe(f"hash{number}", text, of_corpus=False, vector=None) for number, text in enumerate(TEXTS)]


def test_fields_of_one_model_are_encoded_in_one_place(tmp_path: Path) -> None:
    config = corpus_of(tmp_path, TEXTS)
    encoder = config.encoder.model_dump(exclude_unset=True)
    fields = {
        "one": {"kind": "sparse", "encoder": encoder},
        "two": {"kind": "sparse", "encoder": encoder | {"run_on": "cluster"}, "text": "{title}"},
    }
    single = config.model_dump(exclude={"encoder", "index", "vectors"})
    with pytest.raises(ValidationError, match="fields with the same model have different `run_on`"):
        CorpusConfig.model_validate(single | {"vectors": fields})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"source": "model_id", "model_id": "m"}, "needs the model's zip"),
        ({"source": "pretrained", "name": "m", "version": "1"}, "needs the model's zip"),
    ],
)
def test_a_model_that_no_worker_can_load_is_refused(model: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EncoderConfig.model_validate({"model": model, "run_on": "worker"})


def test_half_a_chunk_at_most_is_in_flight_on_however_many_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, "own_cores", lambda: 8)
    monkeypatch.setattr(parts, "PART_ITEMS", 2)
    config = corpus_of(tmp_path, TEXTS)
    plan = planned_on(config)
    assert len(plan.encode_parts) == config.encoder.parallel_tasks == 2
    cluster = fake_cluster(lambda *asked: pytest.fail(f"the cluster was asked for {asked[:2]}"))
    there = where.running(cluster, Store(config.store), plan, "text_sparse", "gone", cores=1)
    assert (there.governor.limit, there.governor.ceiling) == (4, 8)
    assert there.docs_per_request * there.governor.ceiling == config.encoder.chunk_docs // 2
