"""A store from which somebody else deletes what was listed before it is read."""

from __future__ import annotations

from sparse_index.store.files import Store


class VanishingStore(Store):
    """Of each listing the first file is gone a moment later."""

    def files(self, folder: str, suffix: str = "") -> list[str]:
        found = super().files(folder, suffix)
        for path in found[:1]:
            self.delete(path)
        return found
