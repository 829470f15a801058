"""What the DAGs of an operator do, for one corpus and without a scheduler."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from sparse_index.builds.receipt import receipt_lines, saved_receipt
from sparse_index.builds.request import RunRequest
from sparse_index.builds.sign_of_life import living_builds
from sparse_index.cli.bars import Bars
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_all, load_beside_others
from sparse_index.config.neighbours import Neighbours, neighbours
from sparse_index.names import REDRIVES, run_by_hand
from sparse_index.operations.forget import Site
from sparse_index.operations.forget import forget as forget_documents
from sparse_index.operations.forget import look as look_for
from sparse_index.operations.given_ids import given_ids
from sparse_index.operations.janitor import by_store, clean, look, save_cleanup
from sparse_index.operations.redrive import select_letters, settle_letters
from sparse_index.operations.rollback import choose_target, require_no_build_at_work, roll_back
from sparse_index.pipeline import run
from sparse_index.roles import ROLES_API, SERVE_ROLE, role_bodies
from sparse_index.store.files import Store


def janitor(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Look at the corpus and at those beside its file that share its store; clean only when asked to."""
    store, now = Store(config.store), datetime.now(UTC)
    beside = known_beside(options, config)
    configs = _housemates(beside, config)
    clusters = {config.connection: cluster, _server(config): cluster}
    found = look(clusters, store, configs, now=now, runs=None, beside=beside)
    print(found)
    if not options.clean:
        print("A dry run: nothing was changed. --clean does it.")
        return
    print(f"Report: {store.full(save_cleanup(store, found))}")
    done = clean(clusters, store, configs, found, now=datetime.now(UTC), runs=None, beside=beside)
    print(f"{len(done.actions)} of {len(found.actions)} thing(s) done.")


def known_beside(options: argparse.Namespace, config: CorpusConfig) -> Neighbours:
    """The corpora whose files lie beside this one's, this one too."""
    beside = neighbours(load_all(options.corpus.parent))
    for name in beside.broken:
        print(f"The file of corpus '{name}' cannot be used: all that is its own stays.")
    return beside.and_those([config])


def _housemates(beside: Neighbours, config: CorpusConfig) -> list[CorpusConfig]:
    return next(group for group in by_store(beside.corpora).values() if config in group)


def rollback(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """The alias goes back, unless a run of the command line is about to move it."""
    store, now = Store(config.store), datetime.now(UTC)
    require_no_build_at_work(store, config.alias, now)
    target = choose_target(
        cluster, config, options.to, now=now, run_id=run_by_hand(now), replicas_follow=options.replicas_follow
    )
    print(f"'{target.alias}' goes back from {target.former or 'no index'} to {target.index}.")
    # Said before: stopped half-way, "previous" may mean another index the next time.
    print(f"Should this stop half-way: rollback --to {target.index}", flush=True)
    done = roll_back(cluster, store, config, target, now=datetime.now(UTC))
    print(f"{done.summary} Recorded in {store.full(done.record)}.")
    for note in done.notes:
        print(f"Note: {note}.")


def redrive(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Select the open dead letters, run the corpus for their day, and say what became of them."""
    store = Store(config.store)
    selection = select_letters(cluster, store, config, options.build)
    if selection is None:
        print(f"'{config.alias}' has no open dead letters: nothing to redrive.")
        return
    print(selection)
    run_id = f"{REDRIVES}{run_by_hand(datetime.now(UTC))}"
    with Bars() as bars:
        done = run(cluster, config, store, RunRequest(run_id=run_id, data_date=selection.data_date), bars)
    print(done.receipt["summary"])
    print(settle_letters(cluster, store, config, selection, run_id=run_id, now=datetime.now(UTC)))


def forget(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Count what there is of the documents, then remove it; in the end say what is out of reach."""
    housemates = _housemates(known_beside(options, config), config)
    site = Site({config.connection: cluster}, Store(config.store), housemates, config, runs=None)
    ids = given_ids(config, options.ids, options.ids_from)
    now = datetime.now(UTC)
    begun = look_for(site, ids, now=now, run_id=run_by_hand(now))
    print(begun)
    done = forget_documents(site, ids, begun)
    print(f"{done} Record: {site.store.full(done.record)}")
    for note in done.notes:
        print(f"Note: {note}.")


def receipt(options: argparse.Namespace) -> None:
    """The receipt of the newest build that has one, or of the build that is named."""
    config = load_beside_others(options.corpus)
    store = Store(config.store)
    path, content = saved_receipt(store, config.alias, options.build)
    if options.json:
        print(store.read_bytes(path).decode())
        return
    print("\n".join([*receipt_lines(content), f"Receipt: {store.full(path)}"]))
    for build in living_builds(store, config.alias, datetime.now(UTC)):
        print(f"Build {build} is at work now.")


def roles(options: argparse.Namespace) -> None:
    """The requests that put the roles of least privilege, for all corpora whose files lie beside this one's and whose account for
    it is the same."""
    config = load_beside_others(options.corpus)
    beside = neighbours(load_all(options.corpus.parent)).and_those([config])
    for name in beside.broken:
        print(f"# The file of corpus '{name}' cannot be used, so its alias may be missing here.")
    built = [one.alias for one in beside.corpora if one.connection == config.connection]
    served = [one.alias for one in beside.corpora if _server(one) == _server(config)]
    bodies = role_bodies(*sorted(built)) | {SERVE_ROLE: role_bodies(*sorted(served))[SERVE_ROLE]}
    print("\n\n".join(f"PUT {ROLES_API}/{name}\n{json.dumps(body, indent=2)}" for name, body in bodies.items()))


def _server(config: CorpusConfig) -> str:
    """The connection of the account that serves it."""
    return config.serving_connection or config.connection
