"""Whether what `run_on: worker` needs is installed where this runs, which may be another worker than those that encode."""

from __future__ import annotations

import socket
from importlib.util import find_spec

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import FileModel, UrlModel
from sparse_index.encode.programs import EXTRAS, LIBRARIES
from sparse_index.preflight.findings import Findings


def check_worker(findings: Findings, config: CorpusConfig) -> None:
    """A warning: only an encode task can tell for the worker that it runs on, and says the same as an error."""
    encoders = {name: field.encoder for name, field in config.vector_fields.items()}
    for name, encoder in encoders.items():
        if encoder.run_on != "worker" or not isinstance(encoder.model, UrlModel | FileModel):
            continue
        library = LIBRARIES[encoder.model.model_format]
        if find_spec(library) is None:
            findings.warning(
                f"vectors.{name}: `run_on: worker` needs {library}, and {socket.gethostname()}, where preflight runs, has none. "
                f"If encode tasks run there too, install the package's extra `{EXTRAS[library]}`."
            )
