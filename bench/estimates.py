"""What plans foresaw of their builds against what these then needed, from the plan to the receipt.

    PYTHONPATH=include python bench/estimates.py --store ADDRESS --alias NAME
    PYTHONPATH=include python bench/estimates.py [--builds 500 2000x3] [--model MODEL.zip] [--save] [--folder FOLDER]

The first reads the plans and receipts in a store. The second makes builds, one after another with one model that is deployed
before, so that the first one is foreseen from a probe and the others from the builds before them: of each so many tickets, each
with its body so many times over. `--folder` keeps server and store for the next call; `--save` adds to the table that
docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from demo.generate import CorpusRequest, generate_corpus
from side_by_side import RESULTS, own_server
from sparse_index.builds.plan import saved_plans
from sparse_index.builds.receipt import read_receipt
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml.build_models import build_models, deployed
from sparse_index.ml.settings import ensure_settings
from sparse_index.pipeline import run
from sparse_index.plan.former import seconds_foreseeable
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

PATH = RESULTS / "estimates.json"
TOY = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
DAY = date(2026, 1, 1)
GROUP = "sparse-index-bench-estimates"
# Tickets of one build are none of another's.
APART = 10_000_000


@dataclass(frozen=True)
class Foreseen:
    """One build: its texts, the characters a text that its model read, and seconds."""

    build: str
    texts: int
    chars: float
    seconds: float
    low: float
    high: float
    because: str
    needed: float

    @property
    def error(self) -> float:
        """1.0: twice as long was foreseen as was needed."""
        return self.seconds / self.needed - 1


@dataclass(frozen=True)
class Measured:
    """As it is kept: `load` is how many processes wanted a core of `machine` when the build began."""

    found: Foreseen
    model: str
    command: str
    measured_at: str
    machine: str
    load: float


def foreseen(store: Store, alias: str) -> Iterator[Foreseen]:
    """Every build that was carried out and foreseen, the oldest first."""
    for build_id, plan in reversed(list(saved_plans(store, alias))):
        path = "" if plan is None else receipt_path(plan.alias, plan.build_id)
        needed = seconds_foreseeable(read_receipt(store, path)) if path and store.exists(path) else None
        if plan is not None and plan.estimate is not None and needed:
            texts, chars = plan.counts.texts_to_encode, plan.counts.chars_to_encode
            yield Foreseen(build_id, texts, chars / max(texts, 1), needed=needed, **plan.estimate.model_dump())


def lines(found: Iterable[Foreseen]) -> Iterator[str]:
    yield f"{'build':<26}{'texts':>10}{'chars':>7}{'foreseen':>10}{'low':>8}{'high':>8}{'needed':>9}{'error':>7}  from"
    for each in found:
        numbers = f"{each.seconds:>10.1f}{each.low:>8.1f}{each.high:>8.1f}{each.needed:>9.1f}{each.error:>+7.0%}"
        yield f"{each.build:<26}{each.texts:>10,}{each.chars:>7.0f}{numbers}  {each.because}"


def load_measured() -> list[Measured]:
    content = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    return [Measured(**{**each, "found": Foreseen(**each["found"])}) for each in content]


def save(measured: Measured) -> None:
    """In the place of a former one of the same command and size."""
    kept = {(each.command, each.found.texts): each for each in [*load_measured(), measured]}
    PATH.write_text(json.dumps([asdict(each) for each in kept.values()], indent=1) + "\n", encoding="utf-8")


def table(measured: Iterable[Measured]) -> str:
    """For docs/performance.md, in the order in which they were measured; below it, by which commands."""
    rows = list(measured)
    head = "| model | texts | characters a text | seconds foreseen (from, to) | needed | error | made from | load |"
    first = {each.command: each for each in reversed(rows)}
    commands = [f"`{each.command}`, {each.measured_at}, {each.machine}." for each in reversed(first.values())]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *map(_row, rows), "", *commands])


def _row(each: Measured) -> str:
    found = each.found
    times = f"{found.seconds:,.0f} ({found.low:,.0f}, {found.high:,.0f}) | {found.needed:,.0f} | {found.error:+.0%}"
    return f"| {each.model} | {found.texts:,} | {found.chars:,.0f} | {times} | {found.because} | {each.load:.1f} |"


def config_of(folder: Path, number: int, bodies: int, model: Mapping[str, str]) -> CorpusConfig:
    return CorpusConfig.model_validate(
        {
            "alias": "estimates",
            "store": str(folder / "store"),
            "source": {
                "uri": str(folder / f"corpus-{number}"),
                "id_column": "id",
                "text_template": " ".join(["{title}.", *["{body}"] * bodies]),
            },
            "encoder": {"model": dict(model)},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1, "max_deleted_share": 1},
        }
    )


def build(cluster: Cluster, folder: Path, rows: int, bodies: int, model_id: str) -> tuple[str, list[Foreseen]]:
    """Its id, and all builds in the folder's store that were foreseen."""
    number = sum(1 for _ in folder.glob("corpus-*"))
    config = config_of(folder, number, bodies, {"source": "model_id", "model_id": model_id})
    generate_corpus(CorpusRequest("tickets", rows, first_index=number * APART), Path(config.source.uri))
    request = RunRequest(run_id=f"estimates-{number}", data_date=DAY, mode=Mode.FULL)
    receipt = run(cluster, config, Store(config.store), request).receipt
    print(f"{rows:,} documents; bytes: {receipt['bytes']}; stages: {receipt['stage_seconds']}")
    return str(receipt["build_id"]), list(foreseen(Store(config.store), config.alias))


@contextmanager
def with_model(command: str, model: Path, kept: Path | None) -> Iterator[tuple[Cluster, Path, str]]:
    """A cluster with the model deployed, a folder, and the model's id."""
    with own_server(command, kept) as (_, cluster, folder):
        source = {"source": "file", "name": model.parent.name, "version": "1.0.0", "path": str(model)}
        config = config_of(folder, 0, 1, source)
        ensure_settings(cluster, config)
        (model_id,) = deployed(cluster, build_models(GROUP, {"bench": config.first_field})).values()
        yield cluster, folder, model_id


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--store")
    options.add_argument("--alias")
    options.add_argument("--builds", nargs="+", default=["500", "2000x3"], metavar="ROWS[xBODIES]")
    options.add_argument("--model", type=Path, default=TOY)
    options.add_argument("--folder", type=Path)
    options.add_argument("--save", action="store_true")
    chosen = options.parse_args()
    if chosen.store:
        print("\n".join(lines(foreseen(Store(chosen.store), chosen.alias))))
        return
    model = "" if chosen.model == TOY else f" --model {chosen.model}"
    kept = "" if chosen.folder is None else " --folder FOLDER"
    command = f"PYTHONPATH=include python bench/estimates.py --builds {' '.join(chosen.builds)}{model}{kept}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    with with_model(command, chosen.model, chosen.folder) as (cluster, folder, model_id):
        for wanted in chosen.builds:
            rows, _, bodies = wanted.partition("x")
            load, at = round(os.getloadavg()[0], 1), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
            made, found = build(cluster, folder, int(rows), int(bodies or 1), model_id)
            print("\n".join(lines(found)), flush=True)
            if chosen.save and found and found[-1].build == made:  # else it was not foreseen
                save(Measured(found[-1], chosen.model.parent.name, command, at, machine, load))


if __name__ == "__main__":
    main()
