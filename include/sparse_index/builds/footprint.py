"""What one build has in the store, in bytes."""

from __future__ import annotations

from sparse_index.builds.plan import Plan
from sparse_index.store.files import Store
from sparse_index.store.layout import vectors_folder


def folder_bytes(store: Store, plan: Plan) -> int:
    """Of the build's own files; of its receipt, too, where it is there."""
    return sum(file.size_bytes for file in store.listing(plan.folder))


def vectors_bytes(store: Store, plan: Plan) -> int:
    """Of the files of vectors that it added. Merged with others by the janitor they are nobody's any more."""
    return sum(
        file.size_bytes
        for fingerprint in plan.fields_to_encode
        for file in store.listing(vectors_folder(fingerprint))
        if file.path.startswith(f"{vectors_folder(fingerprint)}/{plan.build_id}-")
    )
