"""What a scheduler knows of runs, as a test says it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FakeRuns:
    """`live`: build id -> whether its run goes on; a build that is not in it is unknown. `running`: aliases at work."""

    live: dict[str, bool] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)

    def goes_on(self, alias: str, build_id: str) -> bool | None:
        return self.live.get(build_id)

    def is_running(self, alias: str) -> bool:
        return alias in self.running
