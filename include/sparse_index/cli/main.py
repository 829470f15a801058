"""One command each: check, plan, build, serve, search, and what an operator does beside."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sparse_index.cli import gate, golden, operations, searching
from sparse_index.cli.alert_test import alert_test
from sparse_index.cli.arguments import connection, parser, request
from sparse_index.cli.bars import Bars
from sparse_index.cli.ending import ending
from sparse_index.cli.new import new
from sparse_index.cli.serving import serve
from sparse_index.cli.signals import Stopped, stopping_cleanly
from sparse_index.cluster.client import ATTEMPTS, Cluster
from sparse_index.cluster.settings import put_request
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_beside_others
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.ml.settings import Former, ensure_settings, restore_settings
from sparse_index.pipeline import plan_only, run
from sparse_index.plan.in_words import plan_in_words
from sparse_index.preflight.examine import preflight
from sparse_index.store.files import Store

Command = Callable[[argparse.Namespace, Cluster, CorpusConfig], None]
# Somebody waits for their answer, and "not there" is one.
_ASK_ONCE = {"doctor", "search", "evaluate", "golden", "tune", "gate"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 an error that was said on stderr, 2 wrong words on the command line, 128 + n stopped by signal n
    (after cleaning up)."""
    options = parser().parse_args(arguments)
    try:
        with stopping_cleanly():
            _WITHOUT_CLUSTER.get(options.command, _on_corpus)(options)
    except Stopped as stop:
        print(f"{stop}, after cleaning up.", file=sys.stderr)
        return stop.exit_code
    except SparseIndexError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _on_corpus(options: argparse.Namespace) -> None:
    """A command that asks the cluster about one corpus."""
    config = load_beside_others(options.corpus)
    attempts = 1 if options.command in _ASK_ONCE else ATTEMPTS
    cluster = Cluster.connect(connection(options), attempts=attempts)
    try:
        _COMMANDS[options.command](options, cluster, config)
    finally:
        cluster.close()


def _doctor(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    if options.restore is not None:
        restore_settings(cluster, _former(options.restore))
        print("Settings restored.")
        return
    if options.apply:
        former = ensure_settings(cluster, config)
        print(f"Settings before, for --restore as the whole of a file:\n{json.dumps(former)}")
        print(f"To undo by hand: {put_request(former)}")
    print(preflight(cluster, config, Store(config.store), changes=False))


def _former(file: Path) -> Former:
    """The settings that `--apply` printed; ConfigError for a file that holds no such thing."""
    try:
        return TypeAdapter(Former).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{file} cannot be read as settings of a cluster ({error}). Write into it the one line that `doctor --apply` "
            "printed as the settings before."
        ) from error


def _plan(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    with Bars() as bars:
        plan = plan_only(cluster, config, Store(config.store), request(options), bars)
    print(plan_in_words(plan))


def _run(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    with Bars() as bars:
        done = run(cluster, config, Store(config.store), request(options), bars)
    print(ending(Store(config.store), done))


_WITHOUT_CLUSTER: dict[str, Callable[[argparse.Namespace], None]] = {
    "new": new,
    "alert-test": alert_test,
    "receipt": operations.receipt,
    "roles": operations.roles,
}

_COMMANDS: dict[str, Command] = {
    "doctor": _doctor,
    "plan": _plan,
    "run": _run,
    "search": searching.print_answer,
    "serve": serve,
    "evaluate": golden.evaluate_modes,
    "golden": golden.write_sample,
    "tune": golden.tune_search,
    "gate": gate.gate,
    "janitor": operations.janitor,
    "rollback": operations.rollback,
    "redrive": operations.redrive,
    "forget": operations.forget,
}
