"""Shows how far a download is: a bar on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

LINE_INTERVAL_S = 15.0
MIB = 1024 * 1024


class ByteProgress:
    """Counts bytes of several threads against one total; to be used as a context manager."""

    def __init__(self, total_bytes: int, label: str) -> None:
        self._label = label
        self._lock = threading.Lock()
        self._on_terminal = sys.stderr.isatty()
        self._next_line_s = time.monotonic() + LINE_INTERVAL_S
        self._bar = tqdm(
            total=total_bytes, desc=label, unit="B", unit_scale=True, unit_divisor=1024, disable=not self._on_terminal
        )
        self._total_bytes = total_bytes
        self._done_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def advance(self, count_bytes: int) -> None:
        """Add bytes; a negative count takes back bytes of a file that has to be fetched again."""
        with self._lock:
            self._done_bytes += count_bytes
            self._bar.update(count_bytes)
            if not self._on_terminal and time.monotonic() >= self._next_line_s:
                self._next_line_s = time.monotonic() + LINE_INTERVAL_S
                print(
                    f"{self._label}: {self._done_bytes // MIB} of {self._total_bytes // MIB} MiB",
                    file=sys.stderr,
                    flush=True,
                )
