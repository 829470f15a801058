"""An encoder is known again by what it says of some texts: pure functions over what it said then and now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kinds_of_vectors import SPARSE
from probed import COUNT, DENSE, output, probes
from sparse_index.builds.check import Check
from sparse_index.encode.proof import same_encoder
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.probe import kept_probes, write_probes


def verdict(check: Check) -> tuple[str, bool]:
    return check.verdict, check.value is not None and check.limit is not None and check.value <= check.limit


@pytest.mark.parametrize("kind", [SPARSE, DENSE], ids=["sparse", "dense"])
def test_the_encoder_that_was_used_is_known_again_from_what_the_store_kept(tmp_path: Path, kind: VectorKind) -> None:
    store, was = Store(str(tmp_path)), probes(kind, [output(kind, number) for number in range(COUNT)])
    was[3] = replace(was[3], vector=None)
    write_probes(store, "0123456789abcdef", kind, was)
    kept = kept_probes(store, "0123456789abcdef", kind)
    assert [probe.vector is None for probe in kept] == [number == 3 for number in range(COUNT)]
    noisy = probes(kind, [output(kind, number, scale=1 + 1e-5) for number in range(COUNT)])
    noisy[3] = was[3]
    assert verdict(same_encoder(kind, kept, noisy)) == ("pass", True)


@pytest.mark.parametrize("kind", [SPARSE, DENSE], ids=["sparse", "dense"])
def test_another_one_is_not(kind: VectorKind) -> None:
    was = probes(kind, [output(kind, number) for number in range(COUNT)])
    scaled = probes(kind, [output(kind, number, scale=1.1) for number in range(COUNT)])
    assert verdict(same_encoder(kind, was, scaled)) == ("fail", False)
    silent = [*was[:-1], replace(was[-1], vector=None)]
    check = same_encoder(kind, was, silent)
    assert verdict(check) == ("fail", False)
    assert check.words.startswith("1 of 12 texts are not encoded as when these vectors were first made, by up to 1 ")
    assert "(the shortest of them has 12 characters)" in check.words


def test_a_token_that_is_lost_counts_with_its_weight_and_pruning_does_not_count() -> None:
    kept = probes(SPARSE, [{"a": 2.0, "b": 0.001}])
    assert same_encoder(SPARSE, kept, probes(SPARSE, [{"a": 2.0}])).verdict == "pass"
    assert same_encoder(SPARSE, kept, probes(SPARSE, [{"a": 2.0, "b": 0.01}])).verdict == "fail"
    assert same_encoder(SPARSE, kept, probes(SPARSE, [{"a": 2.0, "b": 0.001, "c": 0.01}])).verdict == "fail"
