"""The command line's words, and what they mean to the core."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sparse_index import __version__
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.authorization import BearerToken
from sparse_index.cluster.client import ConnectionSettings
from sparse_index.config.search import SearchMode
from sparse_index.errors import ConfigError
from sparse_index.names import run_by_hand
from sparse_index.operations.redrive import LATEST
from sparse_index.operations.rollback import PREVIOUS
from sparse_index.query.answer import Via
from sparse_index.query.wish import DEFAULT_SIZE

# Names of variables: every user of a machine can read what stands on a command line.
PASSWORD_VARIABLE = "OPENSEARCH_PASSWORD"  # noqa: S105
TOKEN_VARIABLE = "OPENSEARCH_TOKEN"  # noqa: S105
DEFAULT_PORT = 9200


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="python -m sparse_index",
        description="Build, search and look after the index of one corpus without Airflow.",
        epilog=f"Password or bearer token are read from the environment variables {PASSWORD_VARIABLE} and {TOKEN_VARIABLE}.",
    )
    root.add_argument("--version", action="version", version=f"sparse_index {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _new(commands)
    doctor = _command(commands, "doctor", "say everything that would make a build fail")
    settings = doctor.add_mutually_exclusive_group()
    settings.add_argument("--apply", action="store_true", help="set the cluster settings that are missing")
    settings.add_argument("--restore", type=Path, metavar="FILE", help="give settings back as FILE holds them")
    for name, text in (("plan", "say what a build would do"), ("run", "build, check and promote")):
        _request_arguments(_command(commands, name, text))
    _searches(commands)
    serve = _command(commands, "serve", "keep what queries need: shared models and search pipelines")
    serve.add_argument("--check", action="store_true", help="only say what is missing; fails when something is")
    _golden_sets(commands)
    _gate(commands)
    _operations(commands)
    return root


def _new(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "look at Parquet files and write a first corpus file for them, with the reason of each choice"
    new = commands.add_parser("new", help=text, description=text)
    new.add_argument("source", metavar="FILE", help="a Parquet file, a folder or a glob; any fsspec address")
    new.add_argument("--id", metavar="COLUMN", help="the id (default: proposed)")
    new.add_argument(
        "--text", metavar="TEMPLATE", help="what is searched: a column, or '{title}. {body}' (default: proposed)"
    )
    new.add_argument("--name", help="of the corpus file and the alias (default: after FILE)")
    new.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("include", "corpora"), help="default include/corpora"
    )
    new.add_argument(
        "--store",
        default=".local/store",
        metavar="ADDRESS",
        help="for manifests, vectors, receipts (default .local/store)",
    )
    new.add_argument(
        "--model", type=Path, metavar="DIR", help="a packed sparse model (default: one that the cluster downloads)"
    )
    new.add_argument(
        "--local",
        action="store_true",
        help="for a cluster of one node of your own: a run sets its settings; no replicas",
    )


def _searches(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    search = _command(
        commands, "search", "ask the live index: as the corpus file says, else BM25 and its own mode side by side"
    )
    search.add_argument("query")
    search.add_argument("--size", type=_count, help=f"hits (default {DEFAULT_SIZE}; of a re-ranker search.rerank.top)")
    search.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="WORDS",
        help="category=delivery or order_value>=400; all of them",
    )
    search.add_argument("--strict", action="store_true", help="fail where a side or a model does not answer")
    _asking_arguments(search)


def _asking_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--mode", choices=[mode.value for mode in SearchMode], help="how to ask (default: see above)")
    command.add_argument("--index", help="ask this index (default: what is live)")
    command.add_argument(
        "--via",
        choices=[via.value for via in Via],
        default=Via.AUTO.value,
        help="who fuses and re-ranks (default auto)",
    )
    _encoder_arguments(command)


def _encoder_arguments(command: argparse.ArgumentParser) -> None:
    encoder = command.add_mutually_exclusive_group()
    encoder.add_argument(
        "--model-id",
        action="append",
        default=[],
        metavar="[FIELD=]ID",
        help="a deployed model that encodes the query for this vector field (default: the first one); may be repeated",
    )
    encoder.add_argument("--analyzer", help="what splits the query into tokens (default: the corpus's query.analyzer)")


def _golden_sets(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = _command(commands, "evaluate", "say how good the answers to a golden set are, one row a mode")
    evaluate.add_argument("--golden", type=Path, metavar="DIR", required=True, help="folder of the golden set")
    _asking_arguments(evaluate)
    evaluate.add_argument("--per-query", type=Path, metavar="FILE", help="write each query's values to a Parquet file")
    tune = _command(commands, "tune", "say by judged queries which settings of the search are worth their cost")
    tune.add_argument("--golden", type=Path, metavar="DIR", help="folder of the golden set (default: gate.golden)")
    _encoder_arguments(tune)
    golden = _command(commands, "golden", "write a first golden set: live documents that their titles should find")
    golden.add_argument("--sample", type=_count, default=50, metavar="N", help="of so many documents (default 50)")
    golden.add_argument("--golden", type=Path, metavar="DIR", help="folder to write to (default: golden/<alias>)")
    _encoder_arguments(golden)


def _gate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    gate = _command(commands, "gate", "compare two indices as the gate does before a switch")
    gate.add_argument("--index", required=True, help="in the place of the candidate")
    gate.add_argument("--against", metavar="INDEX", help="in the place of the live index (default: the live one)")


def _operations(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    janitor = _command(commands, "janitor", "say what nobody needs any more, in the cluster and in the store")
    janitor.add_argument("--clean", action="store_true", help="remove it (default: a dry run)")
    rollback = _command(commands, "rollback", "move the alias back to a former generation")
    rollback.add_argument(
        "--to", default=PREVIOUS, help="an index or a build id (default: the one that was live before)"
    )
    rollback.add_argument("--replicas-follow", action="store_true", help="switch before its replicas are copied")
    redrive = _command(commands, "redrive", "run the corpus again for its dead letters, and say what became of them")
    redrive.add_argument("--build", default=LATEST, help="a build id (default: the newest with open dead letters)")
    receipt = _command(commands, "receipt", "print what a build read, wrote and rejected")
    receipt.add_argument("--build", default=LATEST, help="a build id (default: the newest that has a receipt)")
    receipt.add_argument("--json", action="store_true", help="as it is in the store")
    forget = _command(commands, "forget", "remove documents from every index and from the store, for good")
    forget.add_argument("ids", nargs="*", metavar="ID", help="of the documents")
    forget.add_argument("--ids-from", metavar="ADDRESS", help="a .parquet, .csv or text file that has the ids")
    _command(
        commands,
        "roles",
        "print the requests that put the roles of least privilege, for this corpus and those beside it of the same account",
    )
    alert_test = _on_file(commands, "alert-test", "send a test through every notifier that would tell of a failed run")
    alert_test.epilog = "Where Airflow is configured: a notifier finds its connection there."


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    command = _on_file(commands, name, text)
    command.add_argument(
        "--url",
        default=f"https://localhost:{DEFAULT_PORT}",
        help=f"without a port {DEFAULT_PORT}; may end in a path prefix (default https://localhost:{DEFAULT_PORT})",
    )
    command.add_argument("--user", help=f"user name (default: a bearer token in {TOKEN_VARIABLE}, or nobody)")
    command.add_argument("--ca-certs", metavar="FILE", help="CA file that the cluster's certificate is checked with")
    command.add_argument("--client-cert", metavar="FILE", help="certificate that says who we are")
    command.add_argument("--client-key", metavar="FILE", help="its key")
    command.add_argument("--timeout", type=_count, default=60, metavar="SECONDS", help="of a request (default 60)")
    command.add_argument(
        "--knn-natives", action="store_true", help="every data node has the k-NN plugin's native libraries"
    )
    return command


def _on_file(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("corpus", type=Path, help="the corpus file, include/corpora/<name>.yaml")
    return command


def _request_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--mode", choices=[Mode.AUTO.value, Mode.FULL.value], default=Mode.AUTO.value)
    command.add_argument(
        "--data-date", type=date.fromisoformat, help="yyyy-mm-dd; of a feed, its partition (default today, UTC)"
    )
    command.add_argument("--row-limit", type=_count, help="only the first rows; never promoted")
    command.add_argument("--force-older-date", action="store_true", help="replace a newer live index")
    command.add_argument(
        "--probe",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="where no build has encoded with a model that is at hand, try it for some seconds to say how long encoding takes",
    )
    command.add_argument("--accept-mass-change", action="store_true", help="pass the guards")
    command.add_argument(
        "--accept-undecided",
        type=_reason,
        metavar="REASON",
        help="promote what golden queries leave in doubt, and say why",
    )


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why: the receipt keeps it")
    return text.strip()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small: write 1 or more")
    return number


def connection(options: argparse.Namespace) -> ConnectionSettings:
    """Where to connect; ConfigError for an address that is none. Plain http only when the address says so."""
    address, token = _address(options.url), os.environ.get(TOKEN_VARIABLE)
    return ConnectionSettings(
        host=address.hostname or "",
        port=address.port or DEFAULT_PORT,
        path_prefix=address.path.strip("/"),
        use_ssl=address.scheme == "https",
        username=options.user,
        password=os.environ.get(PASSWORD_VARIABLE),
        authorize=BearerToken(token) if token and options.user is None else None,
        ca_certs=options.ca_certs,
        client_cert=options.client_cert,
        client_key=options.client_key,
        timeout_s=options.timeout,
        knn_natives=options.knn_natives,
    )


def _address(url: str) -> SplitResult:
    example = f"write it like https://localhost:9200 or https://host:443/prefix; without a port it is {DEFAULT_PORT}"
    if "@" in url:  # never repeated: what stands before it may be a password
        raise ConfigError(
            f"--url has a login in it, which every user of this machine could read in the list of processes. Give --user "
            f"and the environment variable {PASSWORD_VARIABLE}; {example}."
        )
    try:
        address = urlsplit(url)
        known = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError as error:
        raise ConfigError(f"--url {url} is no address ({error}); {example}.") from error
    if not known or address.query or address.fragment:
        raise ConfigError(f"--url {url} is no address of a cluster; {example}.")
    return address


def request(options: argparse.Namespace) -> RunRequest:
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_by_hand(now),
        data_date=options.data_date or now.date(),
        mode=Mode.PLAN_ONLY if options.command == "plan" else Mode(options.mode),
        row_limit=options.row_limit,
        force_older_date=options.force_older_date,
        accept_mass_change=options.accept_mass_change,
        accept_undecided=options.accept_undecided,
        probe=options.probe,
    )
