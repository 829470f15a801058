"""Whether this change made something slower: `make bench-quick`, some two minutes; two cores at least.

Small forms of the comparisons run on this machine, and their ratios (never seconds) are held against those of
bench/quick.json. Only ratios are taken that hold on another machine and beside other work: processor time of our process
beside Python code of the same kind, and encoding beside the same texts one after another, which more cores only better.
A ratio has fallen when the best of its rounds is below seven tenths of the lowest committed one; then it is measured once
more, and only what has fallen again fails the command. So what takes twice as long is seen, and what takes a tenth more is not.

`--write` keeps new ones, of three times as many rounds, for a change that is meant.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import bulk
import first_load
import rebuild
import scan
from day_costs import config_of
from local_cluster import LocalCluster
from side_by_side import Comparison, Contender, compared, in_words, own_server
from sparse_index.cluster.client import Cluster

KEPT = Path(__file__).parent / "quick.json"
ROUNDS = 3
SCANNED, WRITTEN, ENCODED = 30_000, 3_000, 500
FALLEN = 0.7

Ratios = dict[str, list[float]]
# How many rounds -> what came of them.
Measure = Callable[[int], Comparison]


@dataclass(frozen=True)
class Bench:
    """A server, and a folder for corpora and stores."""

    server: LocalCluster
    cluster: Cluster
    folder: Path

    def scanning(self, rounds: int) -> Comparison:
        folder = self.folder / "scan"
        if not folder.exists():
            folder.mkdir()
            scan.write_corpus(folder, SCANNED, words=40, columns=1)
        return scan.compare(folder, SCANNED, rounds, "")

    def writing(self, rounds: int) -> Comparison:
        every = bulk.against_helpers(self.server, self.cluster, bulk.rows(WRITTEN), time.process_time)
        contenders = {name: every[name] for name in ("this package", "streaming_bulk, orjson")}
        return compared("bulk_cpu", "Bulk, vectors there", "docs/s of CPU", "", contenders, rounds)

    def indexing(self, rounds: int) -> Comparison:
        folder = self.folder / "rebuild"
        built = config_of(folder, folder / "corpus")
        config = built if folder.exists() else rebuild.first_build(self.cluster, folder, WRITTEN)
        works = {"index stage": rebuild.index_stage, "bulk writer alone": rebuild.writer_alone}
        contenders: dict[str, Contender] = {
            name: partial(work, self.cluster, config, clock=time.process_time) for name, work in works.items()
        }
        return compared("rebuild_cpu", "Full build, vectors there", "docs/s of CPU", "", contenders, rounds)

    def encoding(self, rounds: int) -> Comparison:
        where = self.server, self.cluster, self.folder / "first_load", first_load.TOY, ENCODED
        with first_load.loading(*where) as scene:
            return first_load.compare(scene, rounds, "", ("this package", "loop"))

    def measures(self) -> list[Measure]:
        return [self.scanning, self.writing, self.indexing, self.encoding]


def ratios_of(found: Comparison) -> Ratios:
    """Of everything that ours is compared with, the ratio in each round."""
    return {
        f"{found.name}: {found.ours} / {name}": [round(ratio, 3) for ratio in found.ratios(name)]
        for name in found.figures
        if name != found.ours
    }


def fallen(now: Mapping[str, Sequence[float]], kept: Mapping[str, Sequence[float]]) -> list[str]:
    """A line for each of `now`; what was never measured before has not fallen."""
    return [
        f"{name}: {min(ratios):.2f} to {max(ratios):.2f}, committed {min(kept[name]):.2f} to {max(kept[name]):.2f}"
        for name, ratios in now.items()
        if name in kept and max(ratios) < FALLEN * min(kept[name])
    ]


def fallen_twice(measure: Measure, kept: Mapping[str, Sequence[float]]) -> tuple[Ratios, list[str]]:
    """The ratios as they were measured last, and what of them has fallen both times."""
    ratios = told(measure(ROUNDS))
    if fallen(ratios, kept):
        print("Fallen; measured once more:", *fallen(ratios, kept), sep="\n  ")
        ratios = told(measure(ROUNDS))
    return ratios, fallen(ratios, kept)


def told(found: Comparison) -> Ratios:
    print(in_words(found), flush=True)
    return ratios_of(found)


def unmeasured(now: Collection[str], kept: Collection[str]) -> list[str]:
    return [f"{name}: measured no more; {KEPT.name} has it" for name in kept if name not in now]


def judged(measures: Sequence[Measure], kept: Mapping[str, Sequence[float]]) -> list[str]:
    """What has fallen, a line each."""
    found = [fallen_twice(measure, kept) for measure in measures]
    now = [name for ratios, _ in found for name in ratios]
    return [line for _, lines in found for line in lines] + unmeasured(now, kept)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    with own_server("make bench-quick") as (server, cluster, folder):
        measures = Bench(server, cluster, folder).measures()
        if chosen.write:
            now = {name: each for measure in measures for name, each in told(measure(3 * ROUNDS)).items()}
            KEPT.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
            return
        worse = judged(measures, json.loads(KEPT.read_text(encoding="utf-8")))
    if worse:
        sys.exit("Slower than before, beyond the spread:\n  " + "\n  ".join(worse))
    print("No ratio has fallen beyond its spread.")


if __name__ == "__main__":
    main()
