"""`python -m demo`: make demo corpora of any size, next-day versions of them and feeds."""

import argparse
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

from demo.edit import EditRequest, edit_corpus
from demo.feed import FeedRequest, write_feed
from demo.generate import COMMITTED_SEED, CorpusRequest, generate_corpus
from demo.scenes import CORPUS_NAMES
from local_cluster.told import told
from sparse_index.errors import SparseIndexError


def main() -> int:
    """Run one command. Exit codes: 0 done, 1 failed, 2 wrong words; a message is on stderr."""
    arguments = _parser().parse_args()
    return told(lambda: _run(arguments), SparseIndexError)


def _run(arguments: argparse.Namespace) -> int:
    try:
        arguments.run(arguments)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_generate(commands.add_parser("generate", help="write a corpus of any size"))
    _add_edit(commands.add_parser("edit", help="write the next day's version of a corpus"))
    _add_feed(commands.add_parser("feed", help="write a feed: one folder a day with what happened on it"))
    return parser


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", choices=CORPUS_NAMES, default="tickets")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the Parquet files")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    parser.set_defaults(run=_generate)


def _generate(arguments: argparse.Namespace) -> None:
    request = CorpusRequest(arguments.corpus, arguments.rows, arguments.seed)
    for path in generate_corpus(request, arguments.out):
        print(path)


def _add_edit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--in", dest="source", type=Path, required=True, help="folder that `generate` wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--changed", type=float, default=0.01, help="share of rows; a quarter changes a number only")
    parser.add_argument("--deleted", type=float, default=0.01, help="share of rows")
    parser.add_argument("--added", type=float, default=0.01, help="share of rows")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=_edit)


def _edit(arguments: argparse.Namespace) -> None:
    request = EditRequest(arguments.changed, arguments.deleted, arguments.added, arguments.seed)
    counts = edit_corpus(arguments.source, arguments.out, request)
    print(" ".join(f"{name}={count}" for name, count in asdict(counts).items()))


def _add_feed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", choices=CORPUS_NAMES, default="tickets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the days' folders")
    parser.add_argument("--first-day", type=date.fromisoformat, required=True, help="yyyy-mm-dd")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows", type=int, default=200, help="documents touched on each day")
    parser.add_argument("--documents", type=int, default=2_000, help="of which the days choose")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    parser.set_defaults(run=_feed)


def _feed(arguments: argparse.Namespace) -> None:
    names = ("corpus", "first_day", "days", "rows", "documents", "seed")
    for path in write_feed(FeedRequest(**{name: getattr(arguments, name) for name in names}), arguments.out):
        print(path)


if __name__ == "__main__":
    sys.exit(main())
