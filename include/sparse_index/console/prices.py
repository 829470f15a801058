"""What a cluster and a store cost: said by whoever pays for them, in an environment variable."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparse_index.errors import ConfigError

VARIABLE = "SPARSE_INDEX_PRICES"
EXAMPLE = '{"currency": "EUR", "ml_node_hour": 0.40, "index_gb_month": 0.15, "store_gb_month": 0.02}'


class Prices(BaseModel):
    """Money for an hour of one node that runs models, and for a month of 10^9 bytes in indices and in the store."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    currency: str = Field(min_length=1, max_length=10)
    ml_node_hour: float = Field(ge=0, allow_inf_nan=False)
    index_gb_month: float = Field(ge=0, allow_inf_nan=False)
    store_gb_month: float = Field(ge=0, allow_inf_nan=False)


def prices_in(environment: Mapping[str, str]) -> Prices | None:
    """None where nobody said any; ConfigError where what they said cannot be read."""
    said = environment.get(VARIABLE, "").strip()
    if not said:
        return None
    try:
        return Prices.model_validate_json(said)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors())
        raise ConfigError(
            f"{VARIABLE} of the API server cannot be read, so no money is shown ({wrong}). It looks like {EXAMPLE}"
        ) from None
