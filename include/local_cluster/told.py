"""How a command line ends: what is known to go wrong is one message and exit code 1, and never a traceback."""

import sys
from collections.abc import Callable

from local_cluster.errors import LocalClusterError

FAILED = 1
INTERRUPTED = 130


def told(run: Callable[[], int], *known: type[Exception]) -> int:
    """What `run` gives, or 1 after a known error was printed: this package's, the system's (disk, network, permissions), and
    `known`. Ctrl-C gives 130."""
    expected: tuple[type[Exception], ...] = (LocalClusterError, OSError, *known)
    try:
        return run()
    except expected as error:
        print(f"\n{type(error).__name__}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again: a download goes on where it stopped.", file=sys.stderr)
        return INTERRUPTED
