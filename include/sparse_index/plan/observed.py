"""All that one planning attempt has seen, as one value. Guards and decisions are functions of it and of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.oddities import Oddities
from sparse_index.corpus.schema import CorpusSchema, Typed
from sparse_index.creation.mapping import index_mapping
from sparse_index.creation.templates import FromTemplates
from sparse_index.live.alias import AliasState
from sparse_index.live.attached import Attached
from sparse_index.live.meta import Meta
from sparse_index.names import candidate_name
from sparse_index.plan.live_types import Wider, begins_anew, types_of_mapping, wider_types


@dataclass(frozen=True)
class Lost:
    """An index that was live, and is no more; `is_there`: it is still in the cluster."""

    index: str
    is_there: bool


@dataclass(frozen=True)
class Live:
    """What is behind the alias (maybe nothing yet): its `_meta`, all that others attached to it, its build's manifest if
    that is still there.

    `plan`: of the build that made it, `schema`: the types that this decided; both None when the store does not have them.
    `unreadable`: why the plan or the types, which are there, cannot be read. `lost`: of a feed without an index, the newest one
    that was live before.
    """

    state: AliasState
    meta: Meta | None = None
    attached: Attached | None = None
    manifest: str | None = None
    plan: Plan | None = None
    unreadable: str = ""
    schema: CorpusSchema | None = None
    lost: Lost | None = None

    @property
    def index(self) -> str | None:
        return self.state.index

    @property
    def data_date(self) -> date | None:
        return None if self.meta is None else self.meta.data_date

    @property
    def mapping(self) -> Json:
        return {} if self.attached is None else self.attached.mapping

    def require_known_meta(self, config: CorpusConfig, request: RunRequest) -> None:
        """What a later version of the package built is no ground for a difference; `begins_anew` takes none."""
        if self.index is not None and self.meta is not None and not begins_anew(config, request):
            self.meta.require_known(self.index)

    def types(self, files: Sequence[Typed]) -> Typed | None:
        """Its columns; None without an index. `files` help where an index of a former version does not say."""
        if self.index is None or self.meta is None:
            return None
        name = f"the live index {self.index} (data of {self.meta.data_date})"
        if self.schema is not None:
            return Typed(name, self.schema.schema, self.schema.valueless)
        return Typed(name, types_of_mapping(self.mapping, files))


@dataclass(frozen=True)
class Scanned:
    """What the scans left in the store: the `manifests` of all shards, the decided types of the columns (and where they are),
    what they found in the rows. `source_version`: of a table; `live_index`: what was behind the alias before the corpus was
    looked at, which `knows_live` only a run that began with this version."""

    manifests: tuple[str, ...]
    schema: CorpusSchema
    schema_path: str
    source_version: str | None = None
    oddities: Oddities = field(default_factory=Oddities)
    live_index: str | None = None
    knows_live: bool = True


@dataclass(frozen=True)
class Observed:
    """Who asks for what (`config`, `request`, `build_id`, `now`), the corpus, the live index, the store and the cluster.

    `fingerprints`: vector field -> that of its encoder.
    `version`: of the cluster. `templates`: what they set on an index of the candidate's name.
    `refusal`: what the cluster has against `index.alias` or `index.settings`. `pipeline_gone`: the search pipeline that the
    live index names is not there. `search_pipeline`: what the configuration's searches need. `live_bytes`: of its primaries;
    `usable_bytes`: what data nodes still take, None where nothing limits it. `largest`: column -> the largest number in the
    live index, without its sign, of each whole-number column that a feed's day makes wider. `uncounted`: vector fields with
    `long_texts` whose tokens nobody can count -> why. `largest_weights`: vector field -> the largest number in its vectors, of
    fields whose index has to be told.
    """

    config: CorpusConfig
    request: RunRequest
    build_id: str
    now: datetime
    scanned: Scanned
    live: Live
    fingerprints: Mapping[str, str]
    version: str = ""
    templates: FromTemplates = field(default_factory=FromTemplates)
    refusal: str | None = None
    pipeline_gone: bool = False
    search_pipeline: str | None = None
    live_bytes: int = 0
    usable_bytes: int | None = None
    largest: Mapping[str, float] = field(default_factory=dict)
    uncounted: Mapping[str, str] = field(default_factory=dict)
    largest_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def candidate(self) -> str:
        return candidate_name(self.config.alias, self.build_id)

    @cached_property
    def mapping(self) -> Json:
        """Of the index that these types and this configuration ask for; ConfigError when they ask for none."""
        return index_mapping(self.config, self.scanned.schema.schema)

    @cached_property
    def wider(self) -> Mapping[str, Wider]:
        """Columns of the live index whose documents would stand beside others of another type."""
        decided = self.scanned.schema.schema
        known = self.live.types([Typed("the corpus", decided)])
        return {} if known is None or begins_anew(self.config, self.request) else wider_types(known, decided)

    @property
    def newest_day(self) -> date | None:
        """The newest day of a feed's index when this build is live: it never goes back."""
        if self.config.kind == "snapshot":
            return None
        return max(self.request.data_date, self.live.data_date or self.request.data_date)
