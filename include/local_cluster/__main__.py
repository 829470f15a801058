"""Command line: python -m local_cluster up | status | down | lock."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from local_cluster.cluster import LocalCluster, lost, running, start, stop
from local_cluster.lock import LOCK_FILE, write_lock
from local_cluster.profiles import PROFILE_NAMES, profile_named
from local_cluster.resolve import lock_profiles
from local_cluster.told import told

NOT_RUNNING = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed (message on stderr), 3 `status` of an instance that does not run, 130 interrupted."""
    options = _parser().parse_args(arguments)
    options.home = options.home or Path(".local") / options.profile
    return told(lambda: int(options.run(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = _command(commands, "up", _up, "start a server, or find the running one")
    up.add_argument("--port", type=int, default=0, help="0 (default): the former one, or a free one")
    up.add_argument("--heap", default="1g", help="Java heap (default 1g)")
    up.add_argument("--json", action="store_true", help="print the connection as JSON")
    status = _command(commands, "status", _status, "say whether it runs")
    status.add_argument("--json", action="store_true", help="print the connection as JSON")
    down = _command(commands, "down", _down, "stop it; its data are kept")
    down.add_argument("--discard-data", action="store_true", help="remove the instance's folder as well")
    _command(commands, "lock", _lock, "write the lock file anew (downloads all packages)")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Callable[..., int], text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.set_defaults(run=run)
    command.add_argument("--profile", choices=PROFILE_NAMES, default="plain", help="plain 3.6.0, secure 2.19.1")
    command.add_argument("--home", type=Path, help="the instance's folder (default .local/<profile>)")
    return command


def _up(options: argparse.Namespace) -> int:
    print(f"Starting OpenSearch {profile_named(options.profile).version} in {options.home} ...", file=sys.stderr)
    _print(start(options.home, options.profile, heap=options.heap, port=options.port), options.json)
    return 0


def _status(options: argparse.Namespace) -> int:
    cluster = running(options.home)
    if cluster is not None:
        _print(cluster, options.json)
        return 0
    print("{}" if options.json else lost(options.home) or f"No server runs in {options.home}.")
    return NOT_RUNNING


def _down(options: argparse.Namespace) -> int:
    ended = stop(options.home, discard_data=options.discard_data)
    print(f"Stopped the server in {options.home}." if ended else f"No server runs in {options.home}.")
    return 0


def _lock(options: argparse.Namespace) -> int:
    write_lock(lock_profiles([profile_named(name) for name in PROFILE_NAMES]))
    print(f"Wrote {LOCK_FILE}.")
    return 0


def _print(cluster: LocalCluster, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(cluster.connection)))
        return
    print(f"OpenSearch {cluster.connection.version} ({cluster.profile}) answers at {cluster.url}, pid {cluster.pid}.")
    print(f"Connection data: {cluster.home / 'connection.json'}")


if __name__ == "__main__":
    sys.exit(main())
