"""Paths of one build in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sparse_index.builds.plan import Plan
from sparse_index.store.files import Store

# Where a row or a text was found to be of no use.
LetterStage = Literal["scan", "encode", "index"]


def final_manifest_path(plan: Plan) -> str:
    return f"{plan.folder}/manifest-final.parquet"


def letters_path(plan: Plan, stage: LetterStage, part: int | None = None) -> str:
    name = stage if part is None else f"{stage}-{part:05d}"
    return f"{plan.folder}/dead_letters/{name}.parquet"


def letters_files(store: Store, plan: Plan, stages: Sequence[LetterStage] = ("scan", "encode", "index")) -> list[str]:
    """Paths of the build's dead letter files of these stages."""
    folder = f"{plan.folder}/dead_letters/"
    found = store.files(folder, ".parquet")
    return [path for path in found if path.removeprefix(folder).split("-")[0].removesuffix(".parquet") in stages]
