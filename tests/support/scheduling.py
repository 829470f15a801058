"""Which tests one worker runs one after another: those of a file, and all that need the server with security."""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

SECURE = "secure"


def work_unit(file: str) -> str:
    """Files that need the server with security have the word in their names: it starts once, in one worker."""
    return SECURE if SECURE in PurePosixPath(file).name else file


class ByServer(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile` with that one exception."""

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(str(super()._split_scope(nodeid)))
