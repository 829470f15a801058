"""What preflight found: problems, warnings, and the one error that names every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sparse_index.errors import ConfigError, SparseIndexError, TransientError, UnavailableError


@dataclass(frozen=True)
class Problem:
    """Why a build would fail and what to do. `error` is what it would be raised as, alone."""

    message: str
    error: type[SparseIndexError]


@dataclass(frozen=True)
class Readiness:
    """`cluster`: one line about it, empty when it did not answer. `swept`: what dead runs had left and is gone now; `left`:
    what former runs left and stays.

    `former_settings`: cluster settings before `cluster_settings: ensure` changed them (None: the default applied).
    """

    alias: str
    cluster: str = ""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    swept: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    former_settings: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        head = f"'{self.alias}' is ready to build." if self.ready else _count(self.problems, self.alias)
        lines = [f"Cluster: {self.cluster}"] if self.cluster else []
        lines += [f"Problem: {problem.message}" for problem in self.problems]
        lines += [f"Warning: {warning}" for warning in self.warnings]
        lines += [f"Swept: {thing}" for thing in self.swept]
        lines += [f"Set: {name} (before: {value or 'default'})" for name, value in self.former_settings.items()]
        return "\n".join([head, *(f"  - {line}" for line in lines)])

    def require_ready(self) -> Readiness:
        """This when nothing is wrong; else one error with all problems.

        Its class is the problems' own where they agree; a terminal one wins over those that may pass by themselves.
        """
        if self.ready:
            return self
        kinds = {problem.error for problem in self.problems}
        terminal = {kind for kind in kinds if not issubclass(kind, TransientError)}
        error = (
            (terminal or kinds).pop() if len(terminal or kinds) == 1 else ConfigError if terminal else UnavailableError
        )
        lines = "\n".join(f"  - {problem.message}" for problem in self.problems)
        raise error(f"{_count(self.problems, self.alias)}\n{lines}")


def _count(problems: tuple[Problem, ...], alias: str) -> str:
    return f"{len(problems)} problem(s) would make a build of '{alias}' fail:"


class Findings:
    """Collects while the checks run, so that one failing check does not hide what the others find."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.left: list[str] = []
        self.permissions_named: frozenset[str] = frozenset()

    def problem(self, message: str, error: type[SparseIndexError]) -> None:
        self.problems.append(Problem(message, error))

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def leave(self, name: str, reason: str) -> None:
        """A thing of a former run stays: no problem for a build, and untidy all the same."""
        self.left.append(f"{name} is there: {reason}")
        self.warning(f"{name} is there: {reason}.")

    @contextmanager
    def checking(self) -> Iterator[None]:
        """An error of ours inside the block is one more problem; a permission named before is not named twice."""
        try:
            yield
        except SparseIndexError as error:
            if not any(permission in error.message for permission in self.permissions_named):
                self.problem(error.message, type(error))
