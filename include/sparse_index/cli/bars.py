"""Progress bars on a terminal; a line now and then elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm

from sparse_index.progress import Progress


class Bars:
    """An `OnProgress` that shows one bar a stage; close it (`with`) so that the last one stays whole."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __call__(self, progress: Progress) -> None:
        if not sys.stderr.isatty():
            print(progress, file=sys.stderr, flush=True)
            return
        if progress.stage != self._stage or self._bar is None:
            self._close()
            self._stage = progress.stage
            self._bar = tqdm(total=progress.total, desc=progress.stage, unit=f" {progress.unit}")
        self._bar.update(progress.done - self._bar.n)

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
