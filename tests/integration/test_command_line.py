"""python -m sparse_index, as a newcomer uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from local_cluster import LocalCluster
from sparse_index.cli.main import main
from sparse_index.cluster.client import Cluster

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
ROWS = [
    {"id": f"t{number}", "title": title, "body": body}
    for number, (title, body) in enumerate(
        [("Cracked", "the screen is cracked"), ("Login", "cannot log in"), ("Late", "my parcel is late")] * 3
    )
]
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def corpus_file(tmp_path: Path, toy_models: Path, plain_cluster: Cluster) -> Iterator[Path]:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "corpus.parquet")
    model = {"source": "file", "name": "demo", "version": "1", "path": str(toy_models / "sparse" / "model.zip")}
    config = {
        "alias": "by-hand",
        "store": str(tmp_path / "store"),
        "source": {"uri": str(tmp_path / "corpus.parquet"), "id_column": "id", "text_template": "{title}. {body}"},
        "encoder": {"model": model},
        "index": {"replicas": 0},
    }
    file = tmp_path / "by-hand.yaml"
    file.write_text(yaml.safe_dump(config))
    yield file
    plain_cluster.delete("/by-hand--b*")


@pytest.fixture
def call(plain_server: LocalCluster, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command in this process: a start of Python costs more than most of them."""

    def run(command: str, file: Path, *more: str, url: str = plain_server.url) -> subprocess.CompletedProcess[str]:
        words = [command, str(file), *more, "--url", url]
        capsys.readouterr()
        return subprocess.CompletedProcess(words, main(words), *capsys.readouterr())

    return run


@pytest.fixture
def started(plain_server: LocalCluster) -> Call:
    """The command as a process of its own."""

    def run(command: str, file: Path, *more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "sparse_index", command, str(file), *more, "--url", plain_server.url]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "include")}
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=False, timeout=120)

    return run


def test_plan_says_what_run_then_does_and_search_finds(
    corpus_file: Path, started: Call, plain_cluster: Cluster
) -> None:
    planned = started("plan", corpus_file)
    assert planned.returncode == 0, planned.stderr
    assert "texts to encode" in planned.stdout
    assert plain_cluster.find("/by-hand") is None

    done = started("run", corpus_file)
    assert done.returncode == 0, done.stderr
    assert "this build was promoted. Nothing is untidy." in done.stdout
    assert "encode part 0: 3 of 3" in done.stderr

    found = started("search", corpus_file, "cracked screen")
    assert found.returncode == 0, found.stderr
    assert "BM25" in found.stdout
    assert "the screen is cracked" in found.stdout


def test_a_run_ends_with_what_happened_wherever_its_store_lies(corpus_file: Path, call: Call) -> None:
    """The store's address has all that DuckDB would read something into; the corpus has a row that is no document."""
    store = corpus_file.parent / "id=7/text_hash=abc/row=5/file=x/deleted=true/data_date=2026-01-01/st [prod]*? o'brien"
    config = yaml.safe_load(corpus_file.read_text())
    corpus_file.write_text(yaml.safe_dump(config | {"store": str(store), "limits": {"max_dead_letter_share": 0.2}}))
    parquet = corpus_file.parent / "corpus.parquet"
    pq.write_table(pa.Table.from_pylist([*ROWS, {"id": None, "title": "Nobody's", "body": "row"}]), parquet)

    done = call("run", corpus_file)
    assert done.returncode == 0, done.stderr
    assert "rejected (dead letters)                          1" in done.stdout
    assert "documents in the index                           9" in done.stdout
    (letters,) = store.glob("by-hand/builds/*/dead_letters/scan.parquet")
    assert (
        f"{pq.read_table(letters)['error_class'][0]} 1; each row with its reason: {letters.parent}/*.parquet"
        in done.stdout
    )
    assert f"receipt: {letters.parents[1]}/receipt.json" in done.stdout

    pq.write_table(pa.Table.from_pylist([*ROWS[1:], {"id": "t9", "title": "New", "body": "a new one"}]), parquet)
    again = call("run", corpus_file)
    assert again.returncode == 0, again.stderr
    for line in (
        "unchanged                                        8",
        "deleted from the index                           1",
    ):
        assert line in again.stdout
    assert "rejected for" not in again.stdout

    idle = call("run", corpus_file)
    assert "nothing changed: the live index stays as it is" in idle.stdout
    assert "nothing had changed. Nothing is untidy." in idle.stdout


def test_search_cuts_a_query_as_the_corpus_declares_or_as_it_is_told(corpus_file: Path, call: Call) -> None:
    corpus_file.write_text(f"{corpus_file.read_text()}\nquery: {{analyzer: bert-uncased}}\n")
    assert call("run", corpus_file).returncode == 0
    declared = call("search", corpus_file, "Cracked screens")
    assert "query tokens by analyzer bert-uncased" in declared.stdout, declared.stderr
    told = call("search", corpus_file, "Cracked screen", "--analyzer", "simple")
    assert "query tokens by analyzer simple" in told.stdout, told.stderr
    unknown = call("search", corpus_file, "Cracked screen", "--analyzer", "nonsense")
    assert (unknown.returncode, "nonsense" in unknown.stderr) == (1, True)


def test_search_asks_as_it_is_told_and_says_what_each_side_says(
    corpus_file: Path, plain_server: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus_file.write_text(f"{corpus_file.read_text()}\nsearch: {{sides: [bm25, text_sparse], mode: hybrid}}\n")
    assert main(["serve", str(corpus_file), "--url", plain_server.url]) == 0
    assert main(["run", str(corpus_file), "--url", plain_server.url]) == 0
    capsys.readouterr()

    def said(*words: str) -> tuple[int, str, str]:
        code = main(["search", str(corpus_file), "cracked screen", *words, "--url", plain_server.url])
        return code, *capsys.readouterr()

    code, found, _ = said("--size", "3", "--filter", "title=Cracked")
    head, side, first, *_ = found.splitlines()
    assert (code, side) == (0, "     text_sparse: query by analyzer standard")
    assert head.startswith('  "cracked screen"   (hybrid via server, index by-hand--b')
    assert first.startswith("  1. 0.0328  t0 Cracked. the screen is cracked")
    assert found.count("text_sparse: #") == found.count("bm25: #") == 3
    assert "(hybrid via server, index by-hand--b" in said("--mode", "hybrid", "--via", "server")[1]
    for wrong, reason in (
        (("--filter", "colour=red"), "the index has no field 'colour'. There is body, id, title."),
        (("--mode", "dense"), "Mode dense needs a vector field of that kind"),
        (("--model-id", "other=m1"), "--model-id: 'by-hand' has no vector field other: text_sparse."),
        (("--size", "10001"), "size 10001: one search of by-hand--b"),
        (
            ("--strict", "--model-id", "no-such-model"),
            "Model no-such-model of vector field 'text_sparse' does not exist",
        ),
    ):
        code, _, refused = said(*wrong)
        assert (code, reason in refused) == (1, True), refused
    code, degraded, _ = said("--model-id", "no-such-model")
    assert code == 0
    assert degraded.startswith("  DEGRADED: text_sparse did not answer: Model no-such-model")


def test_doctor_tells_a_ready_cluster_from_a_missing_one(corpus_file: Path, call: Call) -> None:
    ready = call("doctor", corpus_file)
    assert ready.returncode == 0, ready.stderr
    gone = call("doctor", corpus_file, url="http://127.0.0.1:9")
    assert gone.returncode == 1
    assert "no answer from the cluster" in gone.stderr


def test_doctor_applies_missing_settings_and_restores_them(
    corpus_file: Path, call: Call, plain_cluster: Cluster, tmp_path: Path
) -> None:
    name = "plugins.ml_commons.allow_registering_model_via_local_file"
    plain_cluster.put("/_cluster/settings", {"persistent": {name: "false"}})
    try:
        refused = call("doctor", corpus_file)
        assert (refused.returncode, name in refused.stderr) == (1, True)
        applied = call("doctor", corpus_file, "--apply")
        assert applied.returncode == 0, applied.stderr
        former = tmp_path / "former.json"
        (line,) = (line for line in applied.stdout.splitlines() if line.startswith("{"))
        former.write_text(line)
        assert call("doctor", corpus_file, "--restore", str(former)).returncode == 0
        assert call("doctor", corpus_file).returncode == 1
    finally:
        plain_cluster.put("/_cluster/settings", {"persistent": {name: "true"}})


def test_a_broken_file_and_a_broken_address_are_said_in_one_line(corpus_file: Path, call: Call, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("alias: [unclosed")
    for result in (call("plan", broken), call("plan", corpus_file, url="not an address")):
        assert result.returncode == 1
        assert result.stderr.startswith("ConfigError: ")


def test_a_first_golden_set_is_written_edited_and_measured(corpus_file: Path, call: Call) -> None:
    folder, values = corpus_file.parent / "golden", corpus_file.parent / "values.parquet"
    assert call("run", corpus_file).returncode == 0
    written = call("golden", corpus_file, "--sample", "9", "--golden", str(folder))
    assert written.returncode == 0, written.stderr
    assert "3 canaries" in written.stdout  # of nine documents with three titles

    parcel = {"id": "parcel", "text": "parcel"}
    lost = {"id": "lost", "text": "log in", "must": ["t0"]}
    with (folder / "queries.jsonl").open("a") as file:
        file.writelines(json.dumps(query) + "\n" for query in (parcel, lost))
    filtered = {"id": "late", "text": "parcel", "filters": ["title=Late"], "must": ["t2"]}
    with (folder / "queries.jsonl").open("a") as file:
        file.write(json.dumps(filtered) + "\n")
    (folder / "qrels.txt").write_text("parcel 0 t2 1\nparcel 0 t5 1\nparcel 0 t8 1\nparcel 0 t0 0\n")
    measured = call("evaluate", corpus_file, "--golden", str(folder), "--per-query", str(values))
    assert measured.returncode == 0, measured.stderr
    head, names, bm25, sparse, *missing = measured.stdout.splitlines()
    assert head == "6 queries, 1 of them judged"
    assert names.split() == ["mode", "nDCG@10", "R@50", "RR@10", "Judged@10", "canaries"]
    assert bm25.split() == ["bm25", "1.000", "1.000", "1.000", "1.000", "4", "of", "5"]
    assert sparse.split()[1:4] == ["1.000", "1.000", "1.000"]
    assert "bm25: canary 'lost' did not find t0" in missing
    rows = pq.read_table(values).to_pylist()
    assert {"mode": "sparse", "query": "parcel", "measure": "R@50", "value": 1.0} in rows

    again = call("golden", corpus_file, "--golden", str(folder))
    assert again.returncode == 1
    assert "is there already" in again.stderr
    nowhere = folder / "not there" / "values.parquet"
    for place, refused in (
        (values / "queries.jsonl", call("golden", corpus_file, "--golden", str(values))),
        (
            nowhere,
            call("evaluate", corpus_file, "--golden", str(folder), "--mode", "bm25", "--per-query", str(nowhere)),
        ),
    ):
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"ConfigError: {place} cannot be written (")
    elsewhere = call("evaluate", corpus_file, "--golden", str(folder), "--index", "nowhere", "--mode", "bm25")
    assert elsewhere.returncode == 1
    assert "nowhere" in elsewhere.stderr

    (folder / "qrels.txt").write_text("parcel 0 other1 1\nparcel 0 t3 1\n")
    strange = call("evaluate", corpus_file, "--golden", str(folder))
    assert strange.returncode == 1
    assert "1 of 2 judged documents are not in the index, such as other1" in strange.stderr
