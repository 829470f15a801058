"""Starts, recognises and ends server processes."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

POLL_S = 0.1
EXEC_S = 1.0
EXEC_POLL_S = 0.01


def spawn(command: Sequence[str], log_file: Path, environment: Mapping[str, str]) -> int:
    """Start a process that outlives this one (a session of its own, no terminal); returns its pid.

    posix_spawn rather than subprocess.Popen: a Popen object complains when it is dropped while the child runs.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        list(command),
        dict(environment),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log_file), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def is_ours(pid: int, marker: str) -> bool:
    """Whether `pid` lives and has `marker` in its command line: a reused pid has not, nor has a zombie."""
    _reap(pid)
    deadline = time.monotonic() + EXEC_S
    command_line = _command_line(pid)
    # A process in the middle of exec has no command line for a moment; one that has ended is gone by then.
    while command_line == b"" and time.monotonic() < deadline:
        time.sleep(EXEC_POLL_S)
        command_line = _command_line(pid)
    return command_line is not None and marker.encode() in command_line.split(b"\0")


def _command_line(pid: int) -> bytes | None:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None


def end(pid: int, marker: str, signal_number: signal.Signals, timeout_s: float) -> bool:
    """Send the signal if the process is ours, wait, and say whether it is gone."""
    if is_ours(pid, marker):
        os.kill(pid, signal_number)
    deadline = time.monotonic() + timeout_s
    while is_ours(pid, marker) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return not is_ours(pid, marker)


def _reap(pid: int) -> None:
    """Collect the exit status if the process is an ended child of ours; otherwise it would stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
