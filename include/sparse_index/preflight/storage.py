"""Whether the store can hold a build: it can be written, and every worker sees the same one."""

from __future__ import annotations

from sparse_index.addresses import hide_secrets
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.preflight.findings import Findings
from sparse_index.store.files import Store, temporary_name


def check_store(findings: Findings, config: CorpusConfig, store: Store, *, workers_share_files: bool) -> None:
    if store.is_local and not workers_share_files and not config.store_is_shared:
        findings.problem(
            f"The store {config.store} is a folder, and the workers run on different machines: each would see its own. "
            "Use an object store (s3://, gs://, abfs://), or say `store_is_shared: true` where it is a shared volume.",
            ConfigError,
        )
    probe = f"{config.alias}/{temporary_name('preflight')}"
    try:
        store.write_bytes(probe, b"-")
        store.delete(probe)
    except (SparseIndexError, OSError, ValueError) as error:
        message = hide_secrets(
            f"The store {config.store} cannot be written ({type(error).__name__}: {error}). "
            "Check address, credentials and permissions, as the workers have them."
        )
        findings.problem(message, type(error) if isinstance(error, SparseIndexError) else ConfigError)
