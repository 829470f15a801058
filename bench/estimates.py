"""What plans foresaw of encoding and indexing against what their builds then needed.

    PYTHONPATH=include python bench/estimates.py --store ADDRESS --alias NAME
    PYTHONPATH=include python bench/estimates.py [--rows 500 2000] [--model .local/models/splade/model.zip]

The first reads the receipts in a store. The second makes builds: of each so many rows, one after another in one store, with a
model that is deployed before, so that the first one is foreseen from a probe and the others from the builds before them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from demo.generate import CorpusRequest, generate_corpus
from side_by_side import own_server
from sparse_index.builds.plan import Plan, saved_plans
from sparse_index.builds.receipt import read_receipt
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, deployed
from sparse_index.ml.settings import ensure_settings
from sparse_index.names import new_build_id
from sparse_index.pipeline import run
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path
from sparse_index.timing import utc_now

TOY = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
DAY = date(2026, 1, 1)
STAGES = ("encode", "index")


def needed(receipt: Mapping[str, Any]) -> float | None:
    """Wall seconds of both stages; None where one did not end or was not clocked."""
    found = [receipt.get(stage) or {} for stage in STAGES]
    walls = [stage.get("wall_seconds") if stage.get("parts") else 0.0 for stage in found]
    ended = all(stage.get("parts_ended", 0) == stage.get("parts", 0) for stage in found)
    return sum(float(wall or 0.0) for wall in walls) if ended and None not in walls else None


def lines(store: Store, alias: str) -> Iterator[str]:
    """A line a build that was carried out, the oldest first."""
    yield f"{'build':<26}{'texts':>10}{'foreseen':>10}{'low':>8}{'high':>8}{'needed':>9}{'error':>8}  from"
    for build_id, plan in reversed(list(saved_plans(store, alias))):
        path = "" if plan is None else receipt_path(plan.alias, plan.build_id)
        seconds = needed(read_receipt(store, path)) if path and store.exists(path) else None
        if plan is not None and plan.estimate is not None and seconds:
            yield _line(build_id, plan, seconds)


def _line(build_id: str, plan: Plan, seconds: float) -> str:
    foreseen = plan.estimate
    if foreseen is None:
        return build_id
    error = foreseen.seconds / seconds - 1
    numbers = f"{foreseen.seconds:>10.1f}{foreseen.low:>8.1f}{foreseen.high:>8.1f}{seconds:>9.1f}{error:>+8.0%}"
    return f"{build_id:<26}{plan.counts.texts_to_encode:>10,}{numbers}  {foreseen.because}"


def config_of(folder: Path, rows: int, model: Mapping[str, str]) -> CorpusConfig:
    return CorpusConfig.model_validate(
        {
            "alias": "estimates",
            "store": str(folder / "store"),
            "source": {
                "uri": str(folder / f"corpus-{rows}"),
                "id_column": "id",
                "text_template": "{title}. {body}",
            },
            "encoder": {"model": dict(model)},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1, "max_deleted_share": 1},
        }
    )


def build(cluster: Cluster, folder: Path, rows: int, model_id: str) -> None:
    config = config_of(folder, rows, {"source": "model_id", "model_id": model_id})
    generate_corpus(CorpusRequest("tickets", rows), Path(config.source.uri))
    receipt = run(cluster, config, Store(config.store), RunRequest(run_id=f"estimates-{rows}", data_date=DAY)).receipt
    print(f"{rows:,} documents; bytes: {receipt['bytes']}")


def make_builds(rows: list[int], model: Path, command: str) -> None:
    with own_server(command) as (_, cluster, folder):
        source = {"source": "file", "name": model.parent.name, "version": "1.0.0", "path": str(model)}
        config = config_of(folder, rows[0], source)
        ensure_settings(cluster, config)
        group = f"sparse-index-bench-{new_build_id(utc_now(), '0' * 32)}"
        (model_id,) = deployed(cluster, build_models(group, {"bench": config.first_field})).values()
        try:
            for number in rows:
                build(cluster, folder, number, model_id)
                print("\n".join(lines(Store(config.store), config.alias)), flush=True)
        finally:
            verbs.remove_build_models(cluster, group)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--store")
    options.add_argument("--alias")
    options.add_argument("--rows", type=int, nargs="+", default=[500, 2_000])
    options.add_argument("--model", type=Path, default=TOY)
    chosen = options.parse_args()
    if chosen.store:
        print("\n".join(lines(Store(chosen.store), chosen.alias)))
    else:
        rows = " ".join(map(str, chosen.rows))
        make_builds(chosen.rows, chosen.model, f"PYTHONPATH=include python bench/estimates.py --rows {rows}")


if __name__ == "__main__":
    main()
