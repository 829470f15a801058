"""What is kept and read again, perhaps by another version of the package: each kind of it has a form.

A reader takes what it knows. It passes over further keys, and a key that came later has a default: so new keys need no new
form. The number rises when a reader that passes over what is new would do harm; such a reader stops, and says which version
can go on. No key ever goes away or changes its meaning. What has no number is of form 1, from before version 0.1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from sparse_index import __version__
from sparse_index.errors import BuildError
from sparse_index.store.files import Store

T = TypeVar("T")
FIRST = 1


@dataclass(frozen=True)
class Form(Generic[T]):
    """A kind of file in the store, or `_meta`. `holds`: the type of its value; `name`: with its article; `remedy`: what a
    person does about one that cannot be read, a sentence; `number`: what this version writes, and the highest that it reads.
    """

    holds: type[T]
    name: str
    remedy: str
    number: int = FIRST

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.holds)

    def save(self, store: Store, path: str, value: T) -> None:
        """Keep it as JSON with the number of its form and the version that writes it."""
        store.write_json(path, self.content(value) | self.signature())

    def content(self, value: T) -> dict[str, Any]:
        """`value` as it is kept, by the names that it has there."""
        content: dict[str, Any] = self._adapter.dump_python(value, mode="json", by_alias=True)
        return content

    def signature(self) -> dict[str, Any]:
        return {"form": self.number, "written_by": __version__}

    def find(self, store: Store, path: str) -> T | None:
        """`load`, None when there is none."""
        try:
            return self.load(store, path)
        except FileNotFoundError:
            return None

    def load(self, store: Store, path: str) -> T:
        """`BuildError` for one of a later form, or one that lacks what it needs."""
        try:
            content = store.read_json(path)
        except ValueError:
            content = None
        where = f"{path} in the store"
        self.require_known(content, where)
        try:
            return self._adapter.validate_python(content, extra="ignore")
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) or each["type"] for each in error.errors())
            raise BuildError(
                f"{where} is not {self.name} that this version of the package can read ({wrong}): {_writer(content)} wrote it. "
                f"{self.remedy}"
            ) from error

    def is_later(self, content: Any) -> bool:
        """Whether only a later version knows all that this says."""
        number = content.get("form") if isinstance(content, Mapping) else None
        return isinstance(number, int) and number > self.number

    def require_known(self, content: Any, where: str) -> None:
        if self.is_later(content):
            raise BuildError(
                f"{where} is {self.name} of form {content['form']}, and this version of the package ({__version__}) "
                f"knows form {self.number} at most: {_writer(content)} wrote it. {self.remedy}"
            )


def _writer(content: Any) -> str:
    version = content.get("written_by") if isinstance(content, Mapping) else None
    return f"version {version}" if version else "a version before 0.1.0"
