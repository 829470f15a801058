"""Where the dead letters of one build are in the store: known without Arrow, which a task without any does not need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sparse_index.builds.plan import Plan
from sparse_index.store.files import Store
from sparse_index.store.layout import DEAD_LETTERS

# Where a row or a text was found to be of no use.
LetterStage = Literal["scan", "encode", "index"]


def letters_path(plan: Plan, stage: LetterStage, part: int | None = None) -> str:
    name = stage if part is None else f"{stage}-{part:05d}"
    return f"{plan.folder}/{DEAD_LETTERS}/{name}.parquet"


def letters_files(store: Store, plan: Plan, stages: Sequence[LetterStage] = ("scan", "encode", "index")) -> list[str]:
    """Paths of the build's dead letter files of these stages."""
    folder = f"{plan.folder}/{DEAD_LETTERS}/"
    found = store.files(folder, ".parquet")
    return [path for path in found if path.removeprefix(folder).split("-")[0].removesuffix(".parquet") in stages]
