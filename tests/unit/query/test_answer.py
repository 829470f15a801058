"""What a hit says of itself."""

from __future__ import annotations

import pytest

from sparse_index.query.answer import Found, Hit


@pytest.mark.parametrize(
    ("token", "added"),
    [
        ("sluggish", False),
        ("slug", False),  # as a word-piece model cuts it
        ("##gis", False),
        ("##slug", True),  # a later piece is not the beginning
        ("gish", True),
        ("slow", True),
        ("##ow", True),
    ],
)
def test_what_the_model_added_is_neither_a_word_nor_a_piece_of_one(token: str, added: bool) -> None:
    hit = Hit("1", 1.0, {}, "My Sluggish app.", {"text_sparse": Found(1.0, matched={token: 1.0})})
    assert hit.expansions == ({token} if added else set())
