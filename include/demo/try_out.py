"""`make try FILE=my.parquet`: from Parquet files that nobody has configured to a search in them, on this machine.

Each step is a command of `python -m sparse_index`, printed before it runs, so that any of them can be run again by itself.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from demo import splade
from demo.real_models import fetch_splade
from local_cluster import start
from local_cluster.told import told
from sparse_index.cli.main import main as sparse_index
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.load import load_corpus
from sparse_index.errors import SparseIndexError
from sparse_index.proposal.corpus_file import name_of

ROOT = Path(__file__).parents[2]
QUERY_WORDS = 6


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Exit codes: 0 done, 1 failed (message on stderr), 2 wrong words, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="make try", description=__doc__.partition("\n")[0])
    parser.add_argument("file", metavar="FILE", help="a Parquet file, a folder or a glob")
    parser.add_argument("--id", default="", help="the id column (default: proposed)")
    parser.add_argument("--text", default="", help="a column, or a template '{title}. {body}' (default: proposed)")
    parser.add_argument("--query", default="", help="what to search for (default: the first words of a document)")
    options = parser.parse_args(arguments)
    return told(lambda: _try(options, root / ".local"), SparseIndexError)


def _try(options: argparse.Namespace, local: Path) -> int:
    corpus = local / "try" / f"{name_of(options.file)}.yaml"
    code = _corpus_file(options, corpus, local)
    if code:
        return code
    server = start(local / "plain", "plain")
    code = _step("run", str(corpus), "--url", server.url)
    if code:
        return code
    settings = ConnectionSettings(server.host, server.port, use_ssl=False)
    with closing(Cluster.connect(settings)) as cluster:
        query = options.query or _words_of_a_document(cluster, corpus)
    return _step("search", str(corpus), query, "--url", server.url)


def _corpus_file(options: argparse.Namespace, corpus: Path, local: Path) -> int:
    """The file of an earlier try is used as it is now: a person may have corrected it."""
    fetch_splade(local / "models" / splade.NAME)
    if corpus.exists() and not (options.id or options.text):
        print(f"{corpus} is there already and is used as it is. Remove it to begin anew.", flush=True)
        return 0
    said = [f"--{name}={value}" for name in ("id", "text") if (value := getattr(options, name))]
    home = [
        "--out",
        str(corpus.parent),
        "--store",
        str(local / "store"),
        "--model",
        str(local / "models" / splade.NAME),
    ]
    return _step("new", options.file, *said, "--name", corpus.stem, *home, "--local")


def _step(*words: str) -> int:
    print(f"\n== python -m sparse_index {shlex.join(words)}", flush=True)
    return sparse_index(words)


def _words_of_a_document(cluster: Cluster, corpus: Path) -> str:
    """The first words of some document that has a text."""
    config = load_corpus(corpus)
    column = config.source.text_columns[-1]
    found = cluster.get(f"/{config.alias}/_search", {"size": 1, "query": {"exists": {"field": column}}})["hits"]["hits"]
    words = str(found[0]["_source"][column]).split() if found else [config.alias]
    return " ".join(words[:QUERY_WORDS])


if __name__ == "__main__":
    sys.exit(main())
