"""What a day costs when 0, 1, 5 and 100 % of the corpus changed: `PYTHONPATH=include python bench/day_costs.py`.

One snapshot of --rows support tickets is built; then each day edits that share of its rows (a quarter of them in a number
only; of the share below 100 % as many rows are deleted and added again) and runs the whole build in one process. A line
a day: predict calls, bulk operations, bytes that came into the store, disk that the data folder of the server grew by
(hard links count once; every generation is kept), and the seconds of each stage.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.edit import EditRequest, edit_corpus
from demo.generate import CorpusRequest, generate_corpus
from local_cluster import LocalCluster, start
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.pipeline import run
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store

MODEL = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
FIRST_DAY = date(2026, 1, 1)
STAGES = ("preflight", "plan", "deploy", "encode", "prepare_candidate", "index", "reconcile", "gate", "promote")
SHARES = (0.0, 0.01, 0.05, 1.0)


def config_of(folder: Path, corpus: Path, model: Path = MODEL) -> CorpusConfig:
    """`model`: the zip of a sparse one."""
    return CorpusConfig.model_validate(
        {
            "alias": "days",
            "store": str(folder / "store"),
            "cluster_settings": "ensure",
            "source": {"uri": str(corpus), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {"model": {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(model)}},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1, "max_deleted_share": 1},
            "retention": {"generations": 10},
        }
    )


def bytes_of(folder: Path) -> int:
    """Disk below `folder`; a file with many names counts once."""
    stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum({stat.st_ino: stat.st_blocks * 512 for stat in stats}.values())


def measured_day(server: LocalCluster, cluster: Cluster, config: CorpusConfig, number: int) -> dict[str, Any]:
    store = Path(config.store)
    in_store, in_server = bytes_of(store), bytes_of(server.home / "data")
    done = run(
        cluster,
        config,
        Store(config.store),
        RunRequest(run_id=f"day-{number}", data_date=FIRST_DAY + timedelta(days=number)),
    )
    cluster.post("/days/_flush")
    print(plan_in_words(done.plan), flush=True)
    return {
        "receipt": done.receipt,
        "store": bytes_of(store) - in_store,
        "disk": bytes_of(server.home / "data") - in_server,
    }


def row(label: str, day: dict[str, Any]) -> str:
    receipt = day["receipt"]
    encode, index, seconds = receipt["encode"], receipt["index"], receipt["stage_seconds"]
    cells = [
        label,
        receipt["kind"],
        f"{encode.get('predict_calls', 0):,}",
        f"{index.get('indexed', 0) + index.get('deleted', 0):,}",
        f"{day['store'] / 1e6:.2f}",
        f"{day['disk'] / 1e6:.2f}",
        *(f"{seconds.get(stage, 0):.2f}" for stage in STAGES),
        f"{sum(seconds.values()):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def days(folder: Path, rows: int) -> Iterator[tuple[str, Path]]:
    """(label, corpus) day by day, each made from the one before."""
    corpus = folder / "corpus-0"
    generate_corpus(CorpusRequest("tickets", rows), corpus)
    yield "first", corpus
    for number, share in enumerate(SHARES, start=1):
        moved = share if share < 1 else 0.0
        following = folder / f"corpus-{number}"
        edit_corpus(corpus, following, EditRequest(share, moved, moved, number))
        corpus = following
        yield f"{share:.0%}", corpus


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=20_000)
    chosen = options.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {chosen.rows:,} documents")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start(folder / "server", "plain")
        try:
            with closing(Cluster.connect(ConnectionSettings(server.host, server.port, use_ssl=False))) as cluster:
                lines = [
                    row(label, measured_day(server, cluster, config_of(folder, corpus), number))
                    for number, (label, corpus) in enumerate(days(folder, chosen.rows))
                ]
        finally:
            server.stop(discard_data=True)
    head = ["changed", "build", "predict calls", "bulk operations", "store MB", "disk MB", *STAGES, "seconds"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
