"""Which corpora share a store: a store that cannot be opened is one more, and hides no other."""

from __future__ import annotations

from pathlib import Path

from build_plans import corpus_config
from sparse_index.operations.janitor import by_store


def test_corpora_are_grouped_by_the_place_of_their_store(tmp_path: Path) -> None:
    place = str(tmp_path / "store")
    spelled = [corpus_config("things", uri) for uri in (place, f"file://{place}", f"{place}/")]
    elsewhere = corpus_config("things", f"{place}-2")
    unusable, away = corpus_config("things", "nosuch://store"), corpus_config("things", "ftp://127.0.0.1:9/store")
    assert by_store([*spelled, elsewhere, unusable, away]) == {
        place: spelled,
        elsewhere.store: [elsewhere],
        unusable.store: [unusable],
        away.store: [away],
    }
