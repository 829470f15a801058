"""How long a build will take from its plan to its receipt: what former builds, or a probe, tell of its stages, added up.

encode    by what the model reads: a text takes as long as so many characters more than it has
index     by documents
the rest  as the middle one of former builds of the same kind: nearly all of it is the same whatever is built
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from sparse_index.builds.plan import Estimate, Texts
from sparse_index.plan.former import Former

# What a text costs beside its characters (a request, an answer, a file), in characters; at least and at most: with a large
# model it is nothing, with one that takes a millisecond it is most of it.
_TEXT, _TEXT_LEAST, _TEXT_MOST = 75, 0, 400
# A build with less of the work says little of it: a day of ten texts spends its seconds on other things.
_ALIKE_SHARE = 0.1
# What the same work took on two days differs by as much.
_KNOWN_SPREAD = 0.2
# A few seconds before the build, beside whatever else the cluster does then.
_PROBED_SPREAD = 0.35
# Measured with small documents on two cores and on a busy machine: bench/rebuild.py and docs/performance.md.
_ASSUMED_WRITES_PER_S = 3_000.0
# Two seconds on the command line, half a minute in an Airflow that is busy.
_ASSUMED_REST_S = 10.0
_ASSUMED_FACTOR = 3.0


def encoding_of(former: Sequence[Former], encoders: frozenset[str], due: Texts) -> Estimate | None:
    """As former builds with just these encoders needed it; None where there is none."""
    alike = [build for build in former if build.encoders == encoders]

    def known(text: int) -> Estimate | None:
        done = [(_work(build.texts, due, text), build.encode_s) for build in alike]
        return _known(_work(due, due, text), done, "encoding", due.number, "texts/s")

    likely, *others = (known(text) for text in (_TEXT, _TEXT_LEAST, _TEXT_MOST))
    # They differ where texts were longer or shorter than these.
    seen = [seconds for each in others if each is not None for seconds in (each.low, each.high)]
    return likely and _around(likely.seconds, 0, likely.because, likely.low, likely.high, *seen)


def probed(due: Texts, seen: Texts, texts_per_s: float) -> Estimate:
    """As the model was seen to need it of `seen`."""
    seconds = seen.number / texts_per_s * _work(due, due, _TEXT) / _work(seen, due, _TEXT)
    because = f"encoding {_rate(due.number, seconds)} texts/s as a probe with {seen.number:,} of them did"
    return _around(seconds, _PROBED_SPREAD, because)


def indexing_of(former: Sequence[Former], writes: int) -> Estimate:
    """As former builds needed it; before any of them, as it is assumed."""
    known = _known(writes, [(build.writes, build.index_s) for build in former], "writing", writes, "documents/s")
    because = f"writing is assumed to do some {_ASSUMED_WRITES_PER_S:,.0f} documents/s"
    return known or _assumed(writes / _ASSUMED_WRITES_PER_S, because)


def rest_of(former: Sequence[Former], kind: str, *, encodes: bool) -> Estimate:
    """As former builds that ended well needed it, of those of this `kind` where there are any; before any, as it is assumed."""
    found = [build for build in former if build.rest_s is not None]
    alike = [build for build in found if (build.kind, build.texts.number > 0) == (kind, encodes)] or found
    known = [build.rest_s for build in alike if build.rest_s is not None]
    if not known:
        return _assumed(_ASSUMED_REST_S, f"all else is assumed to take some {_ASSUMED_REST_S:,.0f} s")
    middle = statistics.median(known)
    return _around(middle, _KNOWN_SPREAD, f"all else takes {middle:,.0f} s as in {_builds(known)}", *known)


def together(stages: Sequence[Estimate]) -> Estimate:
    """One after the other."""
    seconds, low, high = (sum(getattr(stage, name) for stage in stages) for name in ("seconds", "low", "high"))
    return Estimate(seconds=seconds, low=low, high=high, because="; ".join(stage.because for stage in stages))


def _work(texts: Texts, due: Texts, text: int) -> float:
    """In characters, where each `text` counts as so many more than it has. Texts of which nobody counted them are taken to be
    as long as those that are due."""
    chars = (due.chars or 0) * texts.number / due.number if texts.chars is None else texts.chars
    return texts.number * text + chars


def _known(work: float, done: Sequence[tuple[float, float]], stage: str, items: int, unit: str) -> Estimate | None:
    """What `work` takes, by what was done in how many seconds; `items`, of a `unit`, are what people count."""
    done = [(amount, seconds) for amount, seconds in done if amount > 0 and seconds > 0]
    if not done:
        return None
    alike = [each for each in done if each[0] >= work * _ALIKE_SHARE] or done
    seconds = work * sum(took for _, took in alike) / sum(amount for amount, _ in alike)
    one_by_one = [work * took / amount for amount, took in alike]
    return _around(
        seconds, _KNOWN_SPREAD, f"{stage} {_rate(items, seconds)} {unit} as {_builds(alike)} did", *one_by_one
    )


def _around(seconds: float, spread: float, because: str, *seen: float) -> Estimate:
    """Give or take `spread`, and no narrower than what was `seen`."""
    low, high = min([seconds * (1 - spread), *seen]), max([seconds * (1 + spread), *seen])
    return Estimate(seconds=seconds, low=low, high=high, because=because)


def _assumed(seconds: float, because: str) -> Estimate:
    return Estimate(seconds=seconds, low=seconds / _ASSUMED_FACTOR, high=seconds * _ASSUMED_FACTOR, because=because)


def _builds(found: Sequence[object]) -> str:
    return f"{len(found)} former builds" if len(found) > 1 else "a former build"


def _rate(items: int, seconds: float) -> str:
    rate = items / seconds
    return f"{rate:,.1f}" if rate < 100 else f"{rate:,.0f}"
