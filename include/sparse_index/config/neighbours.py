"""The corpora of one installation: who else may need what is shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import BrokenCorpus


@dataclass(frozen=True)
class Neighbours:
    """`corpora`: those whose files can be used. `broken`: the names of the others, of which nobody knows what they need."""

    corpora: Sequence[CorpusConfig] = ()
    broken: Sequence[str] = ()

    def and_those(self, corpora: Sequence[CorpusConfig]) -> Neighbours:
        """With `corpora`, each once."""
        return Neighbours(list({config.alias: config for config in [*self.corpora, *corpora]}.values()), self.broken)


def neighbours(found: Mapping[str, CorpusConfig | BrokenCorpus]) -> Neighbours:
    """`found`: each corpus by its name, as `load_all` gives them."""
    usable = [config for config in found.values() if not isinstance(config, BrokenCorpus)]
    return Neighbours(usable, sorted(name for name, config in found.items() if isinstance(config, BrokenCorpus)))
