"""What preflight says of a worker that lacks what `encoder.run_on: worker` needs."""

from __future__ import annotations

import socket
from pathlib import Path
from types import ModuleType

import pytest

from build_plans import corpus_config
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.worker import check_worker


def warnings_of(folder: Path, run_on: str, model_format: str) -> list[str]:
    model = {"source": "file", "name": "m", "version": "1", "path": "m.zip", "model_format": model_format}
    findings = Findings()
    check_worker(findings, corpus_config("things", str(folder), encoder={"model": model, "run_on": run_on}))
    assert not findings.problems
    return findings.warnings


@pytest.mark.parametrize(
    ("model_format", "library", "extra"),
    [("TORCH_SCRIPT", "torch", "worker"), ("ONNX", "onnxruntime", "worker-onnx")],
)
def test_what_a_worker_lacks_is_a_warning_that_names_the_extra_and_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_format: str, library: str, extra: str
) -> None:
    monkeypatch.setattr("sparse_index.preflight.worker.find_spec", lambda name: None if name == library else object())
    (warning,) = warnings_of(tmp_path, "worker", model_format)
    assert f"needs {library}, and {socket.gethostname()}" in warning
    assert f"the package's extra `{extra}`" in warning
    assert warnings_of(tmp_path, "cluster", model_format) == []


def test_nothing_is_said_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ModuleType("torch")
    monkeypatch.setattr("sparse_index.preflight.worker.find_spec", {"torch": there}.get)
    assert warnings_of(tmp_path, "worker", "TORCH_SCRIPT") == []
