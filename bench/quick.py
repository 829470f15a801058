"""Whether this change made something slower: `make bench-quick`, five minutes.

Small forms of the comparisons run on this machine, and their ratios (never seconds) are held against those of
bench/quick.json. A ratio has fallen when all of its rounds are below all of the committed ones: then the command fails and
names it. `--write` keeps the new ones, for a change that is meant.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import bulk
import first_load
import rebuild
from side_by_side import Comparison, in_words, own_server

KEPT = Path(__file__).parent / "quick.json"
ROUNDS = 3

Ratios = dict[str, list[float]]


def measured() -> list[Comparison]:
    with own_server("make bench-quick") as (server, cluster, folder):
        config = rebuild.first_build(cluster, folder / "rebuild", 6_000)
        found = [bulk.compare(server, cluster, 6_000, ROUNDS, ""), rebuild.compare(server, cluster, config, ROUNDS, "")]
        with first_load.loading(server, cluster, folder, first_load.TOY, 600) as scene:
            return [*found, first_load.compare(scene, ROUNDS, "")]


def ratios_of(found: Sequence[Comparison]) -> Ratios:
    """Of everything that ours is compared with, the ratio in each round."""
    return {
        f"{each.name}: {each.ours} / {name}": [round(ratio, 3) for ratio in each.ratios(name)]
        for each in found
        for name in each.figures
        if name != each.ours
    }


def fallen(now: Mapping[str, Sequence[float]], kept: Mapping[str, Sequence[float]]) -> list[str]:
    """A line each; what was never measured before has not fallen, what is measured no more is said."""
    gone = [f"{name}: measured no more; {KEPT.name} has it" for name in kept if name not in now]
    low = [
        f"{name}: {min(now[name]):.2f} to {max(now[name]):.2f}, committed {min(kept[name]):.2f} to {max(kept[name]):.2f}"
        for name in kept
        if name in now and max(now[name]) < min(kept[name])
    ]
    return gone + low


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    found = measured()
    print(*map(in_words, found), sep="\n")
    now = ratios_of(found)
    if chosen.write:
        KEPT.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        return
    worse = fallen(now, json.loads(KEPT.read_text(encoding="utf-8")))
    if worse:
        sys.exit("Slower than before, beyond the spread:\n  " + "\n  ".join(worse))
    print(f"{len(now)} ratios, none has fallen beyond its spread.")


if __name__ == "__main__":
    main()
