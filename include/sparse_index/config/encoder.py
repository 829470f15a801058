"""Which model turns texts into vectors, where it comes from and how sparse ones are pruned."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sparse_index.addresses import Address, with_secret


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def with_secrets_of(self, current: Self) -> Self:
        """These values, read back from a plan, with the secrets that the addresses of the corpus file have now."""
        values = {name: _with_secrets(getattr(self, name), getattr(current, name)) for name in self.model_fields_set}
        return self.model_copy(update=values)


def _with_secrets(value: Any, current: Any) -> Any:
    if isinstance(value, dict) and isinstance(current, dict):
        return {name: _with_secrets(item, current.get(name)) for name, item in value.items()}
    if isinstance(value, Section):
        return value.with_secrets_of(current) if type(value) is type(current) else value
    return with_secret(value, current) if isinstance(value, str) and isinstance(current, str) else value


class PruneType(StrEnum):
    """Pruning methods under the names ML Commons' sparse_encoding processor gives them."""

    NONE = "none"
    MAX_RATIO = "max_ratio"
    ABS_VALUE = "abs_value"
    ALPHA_MASS = "alpha_mass"
    TOP_K = "top_k"


class Pruning(Section):
    """How small weights leave a vector. `value`: share of the largest weight, a weight, share of the mass, a count."""

    type: PruneType = PruneType.NONE
    value: float | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Pruning:
        if (self.type is PruneType.NONE) != (self.value is None):
            raise ValueError("give `value` with every pruning type but `none`, and never with `none`")
        if self.value is None:
            return self
        if self.type is PruneType.TOP_K and (self.value < 1 or self.value != int(self.value)):
            raise ValueError("top_k needs a whole number of tokens, 1 or more")
        if self.type in (PruneType.MAX_RATIO, PruneType.ALPHA_MASS) and not 0 <= self.value < 1:
            raise ValueError(f"{self.type} needs a share in [0, 1)")
        if self.value < 0:
            raise ValueError(f"{self.type} needs a value of 0 or more")
        return self


class PretrainedModel(Section):
    """A model of the ML Commons catalogue; the cluster downloads it."""

    source: Literal["pretrained"]
    name: str
    version: str
    model_format: Literal["TORCH_SCRIPT", "ONNX"] = "TORCH_SCRIPT"


class UrlModel(Section):
    """A zip that the cluster downloads from `url`; `sha256` is checked by the cluster."""

    source: Literal["url"]
    name: str
    version: str
    url: Address
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    model_format: Literal["TORCH_SCRIPT", "ONNX"] = "TORCH_SCRIPT"
    model_config_body: dict[str, object] | None = None


class FileModel(Section):
    """A zip at `path` (any fsspec address a worker can read), uploaded in chunks: no download by the cluster."""

    source: Literal["file"]
    name: str
    version: str
    path: Address
    model_format: Literal["TORCH_SCRIPT", "ONNX"] = "TORCH_SCRIPT"
    model_config_body: dict[str, object] | None = None


class ExistingModel(Section):
    """A model that is registered already, remote connectors too; we deploy nothing and delete nothing."""

    source: Literal["model_id"]
    model_id: str


# Those that we register.
OwnModel = PretrainedModel | UrlModel | FileModel
ModelSource = Annotated[OwnModel | ExistingModel, Field(discriminator="source")]


# Of English in a vocabulary of 30,000; other texts have fewer.
CHARS_A_TOKEN = 5


class EncoderConfig(Section):
    """The encoder of one vector field and how hard it is driven.

    `lifecycle`: `per_run`, a run registers the model and deletes it; `shared`, serving keeps it deployed for queries, and
    runs encode with it too. `run_on`: `cluster`, its nodes encode; `worker`, each encode task does, with the model's zip in its
    own process, and the cluster's model is what that is compared with.
    """

    model: ModelSource
    lifecycle: Literal["per_run", "shared"] = "per_run"
    run_on: Literal["cluster", "worker"] = "cluster"
    max_tokens: Annotated[int, Field(gt=0)] = 512
    pruning: Pruning = Pruning()
    docs_per_request: Annotated[int, Field(ge=1, le=64)] = 8
    chunk_docs: Annotated[int, Field(ge=1)] = 256
    parallel_tasks: Annotated[int, Field(ge=1)] = 2
    request_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    register_deadline_s: Annotated[float, Field(gt=0)] = 1800.0
    deploy_deadline_s: Annotated[float, Field(gt=0)] = 1800.0

    @property
    def reads_chars(self) -> int:
        """About the most characters of a text that the model reads."""
        return CHARS_A_TOKEN * self.max_tokens

    @model_validator(mode="after")
    def _registers_what_it_shares(self) -> Self:
        if self.lifecycle == "shared" and isinstance(self.model, ExistingModel):
            raise ValueError("a model that is there (source: model_id) is not ours to serve: leave lifecycle out")
        return self

    @model_validator(mode="after")
    def _runs_where_it_can(self) -> Self:
        if self.run_on == "cluster":
            return self
        if not isinstance(self.model, UrlModel | FileModel):
            raise ValueError(
                f"`run_on: worker` needs the model's zip: name it by `source: file` or `url`, not {self.model.source}"
            )
        return self
