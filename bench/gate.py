"""What the gate costs and whom it refuses: `PYTHONPATH=include python bench/gate.py --rows 20000 --builds 20`.

One snapshot of --rows support tickets is built; then good rebuilds of many kinds, each through the gate: deltas of different
sizes, full builds, other shard counts, another pruning, and a live index whose segments were merged. A line each: the kind,
how it ended, seconds of the gate, and the checks that did not pass. Then copies of the live index in which a share of the
documents has the vector of another one, or none: which checks refuse them. It ends with 1 where a good rebuild was refused.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from time import monotonic
from typing import Any

from demo.edit import EditRequest, edit_corpus
from demo.generate import CorpusRequest, generate_corpus
from local_cluster import start
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.reports import gate_report
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.gate.gate import compare
from sparse_index.live.alias import observe_alias
from sparse_index.pipeline import run
from sparse_index.store.files import Store

MODEL = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
FIRST_DAY = date(2026, 1, 1)
ALIAS = "gated"
SHARES = (1.0, 0.1, 0.01)
SHUFFLED = "ctx._source.text_sparse = params.vector"
REFUSED = "REFUSED"
EMPTIED = "ctx._source.remove('text_sparse')"


@dataclass(frozen=True)
class Rebuild:
    """`edited`: share of the rows that is another one than the day before; as many are deleted and added."""

    name: str
    edited: float = 0.0
    mode: Mode = Mode.AUTO
    shards: int = 1
    pruning: float | None = None
    merged: bool = False


GOOD = (
    Rebuild("delta of 0.1 %", edited=0.001),
    Rebuild("delta of 1 %", edited=0.01),
    Rebuild("delta of 10 %", edited=0.1),
    Rebuild("full", edited=0.01, mode=Mode.FULL),
    Rebuild("2 shards", shards=2),
    Rebuild("delta of 1 %, 2 shards", edited=0.01, shards=2),
    Rebuild("3 shards", edited=0.01, shards=3),
    Rebuild("pruned by 0.1", pruning=0.1),
    Rebuild("delta of 1 %, pruned", edited=0.01, pruning=0.1),
    Rebuild("full after a forced merge", mode=Mode.FULL, pruning=0.1, merged=True),
)


def config_of(folder: Path, corpus: Path, rebuild: Rebuild) -> CorpusConfig:
    pruning = {} if rebuild.pruning is None else {"pruning": {"type": "max_ratio", "value": rebuild.pruning}}
    model = {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(MODEL)}
    return CorpusConfig.model_validate(
        {
            "alias": ALIAS,
            "store": str(folder / "store"),
            "cluster_settings": "ensure",
            "source": {"uri": str(corpus), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {"model": model} | pruning,
            "index": {"replicas": 0, "shards": rebuild.shards},
            "limits": {"max_changed_share": 1, "max_deleted_share": 1},
        }
    )


def in_words(checks: list[Check]) -> str:
    return (
        ", ".join(f"{check.name} {check.verdict}" for check in checks if check.verdict is not Verdict.PASS)
        or "all pass"
    )


def rebuilt(cluster: Cluster, config: CorpusConfig, rebuild: Rebuild, number: int) -> str:
    if rebuild.merged:
        cluster.post(f"/{ALIAS}/_forcemerge", max_num_segments="1")
    day = FIRST_DAY + timedelta(days=number)
    try:
        done = run(
            cluster, config, Store(config.store), RunRequest(run_id=f"{number}", data_date=day, mode=rebuild.mode)
        )
    except BuildError as error:
        return f"| {rebuild.name} | {REFUSED} | | {error} |"
    report = gate_report(Store(config.store), done.plan)
    seconds: Any = done.receipt["stage_seconds"]
    said = in_words(list(report.checks)) if report else ""
    return f"| {rebuild.name} | {done.receipt['outcome']} | {seconds.get('gate', 0):.1f} | {said} |"


def good(cluster: Cluster, folder: Path, rows: int, builds: int) -> Iterator[str]:
    corpus = folder / "corpus-0"
    generate_corpus(CorpusRequest("tickets", rows), corpus)
    rebuild = Rebuild("first")
    yield rebuilt(cluster, config_of(folder, corpus, rebuild), rebuild, 0)
    for number, rebuild in enumerate(islice((GOOD[each % len(GOOD)] for each in count()), builds), start=1):
        if rebuild.edited:
            following = folder / f"corpus-{number}"
            edit_corpus(corpus, following, EditRequest(rebuild.edited, rebuild.edited, rebuild.edited, number))
            corpus = following
        yield rebuilt(cluster, config_of(folder, corpus, rebuild), rebuild, number)


def bad(cluster: Cluster, config: CorpusConfig, script: str, share: float, rows: int) -> str:
    """A copy of the live index, compared with it; the copy is removed."""
    live = str(observe_alias(cluster, ALIAS).index)
    copy = f"{live}-bad"
    cluster.put(f"/{live}/_settings", {"index.blocks.write": True})
    cluster.put(f"/{live}/_clone/{copy}", {"settings": {"index.blocks.write": None}})
    vector = cluster.get(f"/{live}/_search", {"size": 1})["hits"]["hits"][0]["_source"]["text_sparse"]
    drawn = {"function_score": {"random_score": {"seed": 1, "field": "_seq_no"}}}
    body = {
        "max_docs": max(1, int(rows * share)),
        "query": drawn,
        "script": {"source": script, "params": {"vector": vector}},
    }
    # Every page of documents adds a warning to the answer, and Python reads 100 headers.
    cluster.post(f"/{copy}/_update_by_query", body, refresh="true", scroll_size="10000")
    started = monotonic()
    checks = compare(cluster, Store(config.store), config, copy, live, f"{share}")
    seconds = monotonic() - started
    cluster.delete(f"/{copy}")
    what = "emptied" if script is EMPTIED else "of another document"
    return f"| {share:.0%} {what} | | {seconds:.1f} | {in_words(checks)} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--builds", type=int, default=20)
    chosen = options.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {chosen.rows:,} documents")
    print("| index | ended | gate s | what did not pass |\n|---|---|--:|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start(folder / "server", "plain")
        try:
            with closing(Cluster.connect(ConnectionSettings(server.host, server.port, use_ssl=False))) as cluster:
                refused = 0
                for line in good(cluster, folder, chosen.rows, chosen.builds):
                    print(line, flush=True)
                    refused += REFUSED in line
                last = GOOD[(chosen.builds - 1) % len(GOOD)] if chosen.builds else Rebuild("first")
                config = config_of(folder, folder / "corpus-0", last)
                for script, share in [*((SHUFFLED, each) for each in SHARES), (EMPTIED, 0.1)]:
                    print(bad(cluster, config, script, share, chosen.rows), flush=True)
        finally:
            server.stop(discard_data=True)
    if refused:
        raise SystemExit(f"{refused} good rebuilds were refused")


if __name__ == "__main__":
    main()
