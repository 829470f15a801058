"""What serving remembers of a corpus in its store: enough to put back what somebody deleted, and to find what it left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import is_served
from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.values import Frozen


class Memory(Frozen):
    """`groups`: the model groups that queries of this corpus have needed, until they are deleted; `pipelines`: the bodies of
    the search pipelines that its indices may name; `leaving_since`: when a run first needed one of them no more. They go when
    the next one agrees: who searches may still name one. `unproven`: vector fields whose model was deployed, and has not
    shown yet that it is the encoder it was."""

    groups: list[str] = Field(default_factory=list)
    pipelines: dict[str, dict[str, Any]] = Field(default_factory=dict)
    leaving_since: dict[str, datetime] = Field(default_factory=dict)
    unproven: list[str] = Field(default_factory=list)


MEMORY = Form(Memory, "what serving remembers", "Run serving with that version or a later one.")


def memory_path(alias: str) -> str:
    return f"{alias}/serving.json"


def concerns(store: Store, config: CorpusConfig) -> bool:
    """Whether a corpus has something to serve, or has had: what queries needed once is there until somebody tidies up."""
    return is_served(config) or store.exists(memory_path(config.alias))


def recall(store: Store, alias: str) -> Memory:
    return MEMORY.find(store, memory_path(alias)) or Memory()


def remember(store: Store, alias: str, memory: Memory) -> None:
    """Written only where it says something new."""
    if memory != recall(store, alias):
        MEMORY.save(store, memory_path(alias), memory)
