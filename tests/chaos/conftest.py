"""What the chaos tests share: a deployed toy model, a proxy that misbehaves, and corpora that leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import make_plan as bare_plan
from build_plans import remove_indices
from faulty_proxy import FaultyProxy, faulty_proxy
from real_builds import MakeConfig, real_config
from s3_server import running_s3, s3  # noqa: F401 - fixtures
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, deployed


@pytest.fixture(autouse=True)
def as_long_as_it_takes(patient_removal: None) -> None:
    """What was killed here may have had requests in flight."""


@pytest.fixture(scope="module")
def model_id(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The toy model, deployed on the shared server; gone before tests of other folders count what is there."""
    plan = bare_plan(real_config("chaos-model", tmp_path_factory.mktemp("model")))
    models = build_models(plan.group, {plan.fingerprint: plan.config.first_field})
    yield deployed(plain_cluster, models)[plan.fingerprint]
    verbs.remove_group(plain_cluster, plan.group)


@pytest.fixture
def proxy(plain_settings: ConnectionSettings) -> Iterator[FaultyProxy]:
    """Between the run and the shared server."""
    with faulty_proxy(plain_settings) as proxy:
        yield proxy


@pytest.fixture
def make_config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[MakeConfig]:
    """Corpora of a new alias each, in folders of their own."""
    made: list[str] = []

    def make(name: str, **sections: Any) -> CorpusConfig:
        folder = tmp_path / name
        folder.mkdir()
        made.append(f"chaos-{name}-{uuid4().hex[:6]}")
        return real_config(made[-1], folder, **sections)

    yield make
    for alias in made:
        remove_indices(plain_cluster, alias)
