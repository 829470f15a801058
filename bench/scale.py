"""What a corpus of N documents asks for, from measured rates: `PYTHONPATH=include python bench/scale.py --documents 1e8`.

Every rate can be given: those of the model and the prices are yours, whatever stands here. docs/scale.md has the table that comes
without any option; a test compares them, and writes it with `PYTHONPATH=include python bench/scale.py --write`.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from side_by_side import RESULTS, load
from sparse_index.plan.parts import LARGEST_PART_ITEMS, MOST_PARTS

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BLOCK = re.compile(r"<!-- (scale|rates) -->\n.*?<!-- end -->", re.DOTALL)
SIZES = (10**6, 10**7, 10**8, 10**9)
SHARD_GB = 30
# Rows -> (seconds, megabytes) of a first plan: bench/plan_memory.py with the default of 512 MB, the last with 6,144; seconds of
# CPU, of two threads.
PLANS = {10**6: (5.8, 512), 10**7: (91.5, 512), 10**8: (750.0, 6_771)}
PLAN_EXPONENT = 1.0
# Spilled by a first plan of 10^7 rows 326, of 10^8 rows with 6 GB 322: rounded up (bench/plan_memory.py).
SPILLED_BYTES = 400


@dataclass(frozen=True)
class Rates:
    """What each is, and where it comes from, stands in `ORIGINS`."""

    gpu_texts: float = round(load(RESULTS / "encode_task_heavy.json").median("encode task, chunks of 1,024"), -1)
    core_texts: float = 4.8
    scan_rows: float = round(load(RESULTS / "scan.json").median("this package"), -3)
    scan_tasks: int = 8
    index_documents: float = round(load(RESULTS / "bulk.json").median("this package"), -2)
    hours: float = 24.0
    index_kb: float = 4.0
    vector_kb: float = 1.5
    changed: float = 0.01
    replicas: int = 1
    gpu_price: float = 4.0
    core_price: float = 0.05


# Rate -> (what it is, where its value comes from).
ORIGINS = {
    "gpu_texts": (
        "texts a second of one GPU",
        "[encode_task_heavy.json](../bench/results/encode_task_heavy.json): a whole encode task on one H100, 67 M weights "
        "(`bench/heavy_model.py`), 86 tokens a text, full precision, `chunk_docs: 1024`",
    ),
    "core_texts": (
        "texts a second of one core",
        "the same model on the 16 cores of that machine, 76.1 together: `PYTHONPATH=include python bench/worker_encoding.py "
        "MODEL.zip --texts 4000 --threads 16 --cpu-texts 192`",
    ),
    "scan_rows": (
        "rows a second of one scan task",
        "[scan.json](../bench/results/scan.json): texts of 40 words, local disk, one core",
    ),
    "scan_tasks": ("scan tasks at once", "chosen; one core each"),
    "index_documents": (
        "documents a second into one data node",
        "[bulk.json](../bench/results/bulk.json): 75 weights a document, one node on two cores shared with the client",
    ),
    "hours": ("that the first load may take to encode", "chosen"),
    "index_kb": (
        "KB of a document in one copy of the index",
        "`bench/estimates.py --builds 1200 --model .local/models/splade/model.zip`: 3.7, rounded up",
    ),
    "vector_kb": ("KB of a document in the store", "the same run: 1.3 for the vector, 0.2 for what a build keeps"),
    "changed": ("share of the documents that a day changes", "chosen"),
    "replicas": ("`index.replicas`", "chosen"),
    "gpu_price": ("of one GPU for an hour", "an example, no quotation"),
    "core_price": ("of one core for an hour", "an example, no quotation"),
}


@dataclass(frozen=True)
class Need:
    """Of a corpus; seconds of each stage with what stands beside it."""

    documents: int
    rates: Rates

    @property
    def aliases(self) -> int:
        """Indices that the corpus has to be divided among: a run maps so many parts of so many items."""
        return -(-self.documents // (MOST_PARTS * LARGEST_PART_ITEMS))

    @property
    def index_gb(self) -> float:
        return self.documents * self.rates.index_kb / 1e6

    @property
    def shards(self) -> int:
        return max(1, math.ceil(self.index_gb / SHARD_GB))

    @property
    def parts(self) -> int:
        return -(-self.documents // LARGEST_PART_ITEMS)

    @property
    def gpu_hours(self) -> float:
        return self.documents / self.rates.gpu_texts / 3600

    @property
    def core_hours(self) -> float:
        return self.documents / self.rates.core_texts / 3600

    @property
    def gpus(self) -> int:
        return math.ceil(self.gpu_hours / self.rates.hours)

    @property
    def cores(self) -> int:
        return math.ceil(self.core_hours / self.rates.hours)

    @property
    def data_nodes(self) -> int:
        """Enough to write everything in a quarter of the time, and one for each replica beside."""
        hours = self.documents / self.rates.index_documents / 3600
        return max(1 + self.rates.replicas, math.ceil(hours / (self.rates.hours / 4)))

    @property
    def disk_gb(self) -> float:
        """Live index with its replicas, a candidate, a former generation; a full build, where nothing is shared."""
        return self.index_gb * (3 + self.rates.replicas)

    @property
    def plan(self) -> tuple[float, int, bool]:
        """Seconds and megabytes, of the largest alias; whether it was measured."""
        rows = min(self.documents, MOST_PARTS * LARGEST_PART_ITEMS)
        if rows in PLANS:
            return *PLANS[rows], True
        known, (seconds, megabytes) = max(item for item in PLANS.items() if item[0] <= rows or item[0] == min(PLANS))
        times = max(1.0, rows / known)
        return float(seconds * times**PLAN_EXPONENT), int(megabytes * times), rows < known

    @property
    def spilled_gb(self) -> float:
        """By a first plan of the largest alias, to the local disk of its worker."""
        return min(self.documents, MOST_PARTS * LARGEST_PART_ITEMS) * SPILLED_BYTES / 1e9

    @property
    def first_load(self) -> dict[str, float]:
        """Stage -> hours, with the GPUs and the data nodes above."""
        rates = self.rates
        return {
            "scan": self.documents / rates.scan_rows / rates.scan_tasks / 3600,
            "plan": self.plan[0] * self.aliases / 3600,
            "encode": self.gpu_hours / self.gpus,
            "index": self.documents / rates.index_documents / self.data_nodes / 3600,
        }

    @property
    def day(self) -> dict[str, float]:
        """The same of a day, where the unchanged rest is only read and compared; with one GPU."""
        rates, changed = self.rates, self.documents * self.rates.changed
        return {
            "scan": self.first_load["scan"],
            "plan": self.first_load["plan"] / 2,
            "encode": changed / rates.gpu_texts / 3600,
            "index": changed / rates.index_documents / self.data_nodes / 3600,
        }


def hours(value: float) -> str:
    return f"{value:,.1f} h" if value >= 1 else f"{value * 60:,.1f} min"


def money(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def slowest(stages: dict[str, float]) -> str:
    """All of them together, and which one is most of it."""
    name, longest = max(stages.items(), key=lambda item: item[1])
    total = sum(stages.values())
    return f"{hours(total)} ({name} {longest / total:.0%})"


def planned(need: Need) -> str:
    seconds, megabytes, measured = need.plan
    mark = "" if measured else " *"
    each = " each" if need.aliases > 1 else ""
    return f"{hours(seconds / 3600)}, {megabytes:,} MB{each}{mark}"


def spilled(need: Need) -> str:
    mark = "" if need.plan[2] else " *"
    return f"{need.spilled_gb:,.1f} GB{mark}"


ROWS = {
    "aliases": lambda need: f"{need.aliases:,}",
    "`index.shards`, all aliases together": lambda need: f"{need.shards:,}",
    "parts of 100,000": lambda need: f"{need.parts:,}",
    "GPU pods (`encoder.parallel_tasks`)": lambda need: f"{need.gpus:,}",
    "or cores": lambda need: f"{need.cores:,}",
    "data nodes": lambda need: f"{need.data_nodes:,}",
    "one first plan, its memory": planned,
    "local disk of the worker that plans": spilled,
    "index, one copy": lambda need: f"{need.index_gb:,.0f} GB",
    "disk of the cluster": lambda need: f"{need.disk_gb:,.0f} GB",
    "store": lambda need: f"{need.documents * need.rates.vector_kb / 1e6:,.0f} GB",
    "first load": lambda need: slowest(need.first_load),
    "a day": lambda need: slowest(need.day),
    "encoding once, GPU": lambda need: money(need.gpu_hours * need.rates.gpu_price),
    "encoding once, cores": lambda need: money(need.core_hours * need.rates.core_price),
}


def table(sizes: Sequence[int], rates: Rates) -> str:
    needs = [Need(size, rates) for size in sizes]
    head = f"| documents | {' | '.join(f'{size:,}' for size in sizes)} |\n|---|{'---|' * len(sizes)}"
    return "\n".join([head, *(f"| {name} | {' | '.join(map(tell, needs))} |" for name, tell in ROWS.items())])


def origins(rates: Rates) -> str:
    lines = [
        f"| `--{name.replace('_', '-')}` | {getattr(rates, name):,} | {what} | {origin} |"
        for name, (what, origin) in ORIGINS.items()
    ]
    return "\n".join(["| rate | default | what it is | from |", "|---|---|---|---|", *lines])


def page(written: str) -> str:
    blocks = {"scale": table(SIZES, Rates()), "rates": origins(Rates())}
    return BLOCK.sub(lambda place: f"<!-- {place[1]} -->\n{blocks[place[1]]}\n<!-- end -->", written)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--documents", type=float, nargs="+", default=list(SIZES))
    options.add_argument("--write", action="store_true", help="write the table of docs/scale.md anew")
    for each in fields(Rates):
        options.add_argument(f"--{each.name.replace('_', '-')}", type=type(each.default), default=each.default)
    chosen = options.parse_args()
    if chosen.write:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    rates = Rates(**{each.name: getattr(chosen, each.name) for each in fields(Rates)})
    print(table([int(size) for size in chosen.documents], rates))


if __name__ == "__main__":
    main()
