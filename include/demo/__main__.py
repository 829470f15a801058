"""`python -m demo`: make demo corpora of any size, next-day versions of them, and measure the demo models."""

import argparse
from pathlib import Path

from demo.generate import COMMITTED_SEED, CorpusRequest, generate_corpus
from demo.scenes import CORPUS_NAMES


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="write a corpus of any size")
    generate.add_argument("--corpus", choices=CORPUS_NAMES, default="tickets")
    generate.add_argument("--rows", type=int, required=True)
    generate.add_argument("--out", type=Path, required=True)
    generate.add_argument("--seed", type=int, default=COMMITTED_SEED)
    generate.set_defaults(run=_generate)
    return parser


def _generate(arguments: argparse.Namespace) -> None:
    request = CorpusRequest(arguments.corpus, arguments.rows, arguments.seed)
    for path in generate_corpus(request, arguments.out):
        print(path)


if __name__ == "__main__":
    parsed = _parser().parse_args()
    parsed.run(parsed)
