"""A first corpus file from the command line: proposed, asked about on a terminal, written."""

from __future__ import annotations

import argparse
import sys
from functools import cache, partial
from pathlib import Path

from sparse_index.cli.writing import writing
from sparse_index.errors import ConfigError
from sparse_index.proposal.corpus_file import Home, name_of, write_corpus_file
from sparse_index.proposal.look import look_at, values_of
from sparse_index.proposal.propose import Proposal, Wanted, in_words, propose


def new(options: argparse.Namespace) -> None:
    """Say what the Parquet files look like and what is proposed; write it, once a person on a terminal agrees."""
    uri = _full(options.source)
    look = look_at(uri)
    # A scan of one column each; asking again must not repeat it.
    count = cache(partial(values_of, look))
    wanted = Wanted(options.id, options.text)
    proposal = propose(look, wanted, count)
    print("\n".join(in_words(look, proposal)))
    if sys.stdin.isatty():
        proposal = propose(look, _asked(wanted, proposal), count)
    home = Home(options.name or name_of(uri), _full(options.store), options.model, options.local)
    with writing(options.out):
        file = write_corpus_file(options.out, look, proposal, home)
    print(f"Corpus file: {file}")


def _full(address: str) -> str:
    """A local path in full: the corpus file may lie elsewhere."""
    return address if "://" in address or "::" in address else str(Path(address).expanduser().absolute())


def _asked(wanted: Wanted, proposal: Proposal) -> Wanted:
    """What nobody said yet, as a person says it; an empty line takes what is proposed."""
    return Wanted(
        wanted.id or _answer("Id column", proposal.id_column), wanted.text or _answer("Text", proposal.text_template)
    )


def _answer(question: str, proposed: str) -> str:
    try:
        return input(f"{question} [{proposed}]: ").strip() or proposed
    except EOFError as error:
        raise ConfigError(
            f"Nobody answered what '{question}' is to be, and nothing was written. Press Enter to take what is proposed, or pass "
            "--id and --text."
        ) from error
