"""`doctor --restore` of a file that is not there, or holds no settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_index.cli.main import main

CORPUS = """
alias: things
store: {store}
source: {{uri: corpus.parquet, id_column: id, text_template: "{{title}}"}}
encoder: {{model: {{source: model_id, model_id: m1}}}}
"""


@pytest.mark.parametrize("content", [None, b"", b"no JSON", b"[1]", b'{"a": 1}', b"\xff"])
def test_a_file_without_settings_is_said_in_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    corpus, former = tmp_path / "things.yaml", tmp_path / "former.json"
    corpus.write_text(CORPUS.format(store=tmp_path))
    if content is not None:
        former.write_bytes(content)
    assert main(["doctor", str(corpus), "--url", "http://127.0.0.1:9", "--restore", str(former)]) == 1
    assert f"ConfigError: {former} cannot be read as settings of a cluster (" in capsys.readouterr().err
