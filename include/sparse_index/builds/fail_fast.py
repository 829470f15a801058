"""When parts of a stage fail with one and the same error, the others need not find out for themselves.

A part that fails for good leaves a note beside the plan; a part about to begin reads the notes of the others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sparse_index.builds.plan import Plan
from sparse_index.errors import BuildError, TerminalError
from sparse_index.store.files import Store
from sparse_index.store.layout import FAILURES

ENOUGH = 2


@contextmanager
def failing_fast(store: Store, plan: Plan, stage: str, part: int, *, first_attempt: bool) -> Iterator[None]:
    """Run part `part` of `stage` inside the block; `BuildError` before it when two others failed with one error.

    Only the first attempt looks: a person who clears a part has mended something.
    """
    folder = f"{plan.folder}/{FAILURES}/{stage}"
    note = f"{folder}/{part:05d}.json"
    if first_attempt:
        _require_no_common_failure(store, folder, stage)
    else:
        store.delete(note)
    try:
        yield
    except TerminalError as error:
        store.write_json(note, {"part": part, "error": type(error).__name__, "message": error.message})
        raise


def _notes(store: Store, folder: str) -> Iterator[Any]:
    for path in store.files(folder, ".json"):
        with suppress(FileNotFoundError):  # a part that is tried again has just taken its own away
            yield store.read_json(path)


def _require_no_common_failure(store: Store, folder: str, stage: str) -> None:
    alike = defaultdict(list)
    for note in _notes(store, folder):
        alike[note["error"], re.sub(r"\d+", "#", note["message"])].append(note)
    for same in alike.values():
        if len(same) >= ENOUGH:
            parts = " and ".join(str(note["part"]) for note in same)
            raise BuildError(
                f"Not tried: parts {parts} of {stage} failed with the same error, which would be this part's too: "
                f"{same[0]['message']} Mend that, then trigger a new run."
            )
