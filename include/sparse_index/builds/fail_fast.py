"""When parts of a stage fail with one and the same error, the others need not find out for themselves.

A part that fails leaves a note beside the plan; a part about to begin reads the notes of the others. A trouble that may pass
counts when it has lasted for `TROUBLE_S` seconds in which no part has ended, and was met by each of them within as many.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sparse_index.builds.plan import Plan
from sparse_index.errors import BuildError, SparseIndexError, TransientError
from sparse_index.store.files import Store
from sparse_index.store.layout import FAILURES
from sparse_index.timing import REAL_TIME, Timing

ENOUGH = 2
TROUBLE_S = 3600.0


@contextmanager
def failing_fast(
    store: Store, plan: Plan, stage: str, part: int, *, cleared: bool, timing: Timing = REAL_TIME
) -> Iterator[None]:
    """Run part `part` of `stage` inside the block; `BuildError` before it when two others failed with one error.

    A `cleared` part does not look: the person who cleared it has mended something.
    """
    folder = f"{plan.folder}/{FAILURES}/{stage}"
    note = f"{folder}/{part:05d}.json"
    if cleared:
        store.delete(note)
    else:
        _require_no_common_failure(store, folder, stage, timing.now().timestamp())
    try:
        yield
    except SparseIndexError as error:
        _keep(store, note, part, error, timing.now().timestamp())
        raise
    for path, former in _notes(store, folder):
        if former["since"] is not None:
            store.delete(path)


def _keep(store: Store, path: str, part: int, error: SparseIndexError, now: float) -> None:
    """`since`: when the trouble began, `last`: when it was met last, in seconds of the epoch; None of one that does not pass."""
    note: dict[str, Any] = {"part": part, "error": type(error).__name__, "message": error.message, "since": None}
    if isinstance(error, TransientError):
        note |= {"since": now, "last": now}
        with suppress(FileNotFoundError):
            former = store.read_json(path)
            if _kind(former) == _kind(note) and _goes_on(former, now):
                note["since"] = former["since"]
    store.write_json(path, note)


def _goes_on(note: Any, now: float) -> bool:
    """Whose part has worked for longer has overcome it."""
    return bool(now - note["last"] <= TROUBLE_S)


def _notes(store: Store, folder: str) -> Iterator[tuple[str, Any]]:
    for path in store.files(folder, ".json"):
        with suppress(FileNotFoundError):  # another part has just taken it away
            yield path, store.read_json(path)


def _kind(note: Any) -> tuple[str, str]:
    return note["error"], re.sub(r"\d+", "#", note["message"])


def _require_no_common_failure(store: Store, folder: str, stage: str, now: float) -> None:
    alike = defaultdict(list)
    for _, note in _notes(store, folder):
        since = note["since"]
        if since is None or (now - since >= TROUBLE_S and _goes_on(note, now)):
            alike[_kind(note)].append(note)
    for same in alike.values():
        if len(same) >= ENOUGH:
            parts = " and ".join(str(note["part"]) for note in same)
            raise BuildError(
                f"Not tried: parts {parts} of {stage} failed with the same error, which would be this part's too: "
                f"{same[0]['message']} Mend that, then trigger a new run."
            )
