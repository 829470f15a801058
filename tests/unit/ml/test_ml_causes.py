"""Every text was seen on a real 3.6.0 or 2.19.1; what it means must be said."""

from __future__ import annotations

import pytest

from sparse_index.ml.causes import explain, is_refused_for_now

NODE = "qyI9c4X5Ruak4DpRL93Fdw"


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        ("model content changed", "sha256"),
        ("Connection refused", "cannot fetch the model"),
        ("artifacts.example.org", "cannot look up this host"),
        (f'{{"{NODE}":"downloads.example.org"}}', "PyTorch libraries"),
        (f'{{"{NODE}":"Tokenizer file not exits: /data/models/m1/1/d/tokenizer.json"}}', "tokenizer.json"),
        (f'{{"{NODE}":"Archive is not a ZIP archive"}}', "pack it anew"),
        (f'{{"{NODE}":"d.pt file not found in: /data/models/m1/3/d"}}', "pack it anew"),
        (f'{{"{NODE}":"PytorchStreamReader failed reading zip archive: not a ZIP archive"}}', "pack it anew"),
        (f'{{"{NODE}":"Memory Circuit Breaker is open, please check your resources!"}}', "breaker is open"),
        (f'{{"{NODE}":"Exceed max local model per node limit"}}', "as many models as they may"),
        ("illegal_argument_exception: no eligible node found", "only_run_on_ml_node"),
        ("no permissions for [cluster:admin/opensearch/ml/deploy_model_on_nodes] and User [x]", "docs/security.md"),
    ],
)
def test_a_known_text_gets_cause_and_remedy(raw: str, cause: str) -> None:
    said = explain(raw)
    assert cause in said.partition(" -> ")[2]


def test_the_node_ids_around_a_reason_are_left_out_and_equal_reasons_said_once() -> None:
    other = NODE.replace("q", "r")
    assert explain(f'{{"{NODE}":"strange","{other}":"strange"}}') == "strange"


@pytest.mark.parametrize("raw", ["something new", '{"error": "something new"}', "[1, 2]"])
def test_an_unknown_text_stays_as_it_is(raw: str) -> None:
    assert explain(raw) == raw


def test_no_text_at_all_is_said() -> None:
    assert explain(None) == "no reason given"


OPEN = "Memory Circuit Breaker is open, please check your resources!"
FULL = "Exceed max local model per node limit"


@pytest.mark.parametrize(
    ("raw", "refused"),
    [
        (OPEN, True),
        (f'{{"{NODE}":"{OPEN}"}}', True),
        (f'{{"{NODE}":"{OPEN}","{NODE[::-1]}":"Archive is not a ZIP archive"}}', False),
        (FULL, True),
        (f'{{"{NODE}":"{FULL}","{NODE[::-1]}":"{OPEN}"}}', True),
        ("model content changed", False),
        (None, False),
    ],
)
def test_only_an_open_breaker_and_a_full_node_are_worth_asking_again(raw: str | None, refused: bool) -> None:
    assert is_refused_for_now(raw) is refused
