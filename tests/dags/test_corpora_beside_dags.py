"""Corpus files beside the DAG file, as a git bundle has them: a run works with the files of its own version."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

FOLDER = 'Path(__file__).with_name("corpora")'
# One task, which compares what it finds with what the file said when it was parsed.
DAG_FILE = f"""\"\"\"An Airflow DAG file.\"\"\"
from pathlib import Path
from opensearch_ml.factory import corpus_dags
from opensearch_ml.operators.base import CorpusOperator

class Read(CorpusOperator):
    def work(self, corpus, context):
        if corpus.config.description != self.doc_md:
            raise ValueError(f"the file of this version says {{self.doc_md}}, the task found {{corpus.config.description}}")

def wire(corpus, config):
    Read(task_id="read", corpus=corpus, doc_md=config.description)

globals().update({{dag.dag_id: dag for dag in corpus_dags(wire, "", {FOLDER})}})
"""


@pytest.fixture
def versions(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A bundle's checkouts of two versions, `first` and `second`, and other files where nobody has to look."""
    shutil.copytree(root / "include" / "corpora", tmp_path / "elsewhere")
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path / "elsewhere"))
    connection = {"conn_type": "opensearch", "host": "127.0.0.1", "port": 9}
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", json.dumps(connection))
    news = (root / "include" / "corpora" / "news.yaml").read_text(encoding="utf-8")
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        (folder / "corpora").mkdir(parents=True)
        text = "\n".join(line for line in news.splitlines() if not line.startswith("description:"))
        (folder / "corpora" / "contracts.yaml").write_text(f"{text}\ndescription: {folder.name}\n", encoding="utf-8")
    return folders


def parsed(folder: Path) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(folder)
    assert bag.import_errors == {}
    return bag


def test_a_run_of_each_version_reads_the_corpus_file_of_that_version(
    versions: list[Path], metadata_database: None
) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    for folder in versions:
        (folder / "daily.py").write_text(DAG_FILE)
    bags = [parsed(folder) for folder in versions]  # both, before either runs
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    for bag in bags:
        sync_bag_to_db(bag, "dags-folder", None)
        assert bag.dags["sparse_index__contracts"].test().state == "success"


def test_the_command_of_the_page_gives_all_delivered_dag_files_the_folder(versions: list[Path], root: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    folder = versions[0]
    shutil.copytree(root / "dags", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    page = (root / "docs" / "deploy.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"```sh\ncd dags\n(.*?)```", page, re.DOTALL)
    subprocess.run(command, shell=True, cwd=folder, check=True)
    dags = parsed(folder).dags
    assert {dag_id for dag_id in dags if "__" in dag_id} == {
        "sparse_index__contracts",
        "sparse_index__contracts__serving",
    }
    for name in ("forget", "redrive", "rollback"):
        assert dags[f"sparse_index_{name}"].params.get_param("corpus").schema["enum"] == ["contracts"]
    for dag in dags.values():
        assert dag.user_defined_macros == {"corpora_folder": folder / "corpora"}
        stored = DagSerialization.to_dict(dag)
        for own in ("fileloc", "relative_fileloc"):  # of a bundle, Airflow keeps what is the same in each version
            stored["dag"].pop(own)
        assert str(folder) not in json.dumps(stored), "another checkout would be another version of the DAG"
