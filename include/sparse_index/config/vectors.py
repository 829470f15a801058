"""The vector fields of a corpus: what each kind of them has to be told, and which of it is part of whose identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import Field, field_validator, model_validator

from sparse_index.config.encoder import EncoderConfig, FileModel, PruneType, Section, UrlModel
from sparse_index.config.template import columns_of

Space = Literal["cosinesimil", "l2", "innerproduct"]
Engine = Literal["lucene", "faiss"]
# What the vector of a passage is called within its field.
PASSAGE_VECTOR = "vector"


class TokenIndex(Section):
    """How an index keeps weighted tokens. `rank_features`: an inverted index, always exact. `sparse_vector`: clusters of postings
    in segments of `approximate_threshold` documents and more (left out: a million), exact below. `n_postings`: how many documents
    of a token such a segment looks at, left out: as many as the server likes."""

    type: Literal["rank_features", "sparse_vector"] = "rank_features"
    approximate_threshold: Annotated[int, Field(strict=True, ge=1)] | None = None
    n_postings: Annotated[int, Field(strict=True, ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_a_type(cls, raw: Any) -> Any:
        return {"type": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _parameters_are_of_its_type(self) -> TokenIndex:
        idle = sorted(name for name in self.model_fields_set - {"type"} if getattr(self, name) is not None)
        if self.type == "rank_features" and idle:
            raise ValueError(f"only sparse_vector has {', '.join(idle)}: leave that out, or write type: sparse_vector")
        return self


class Passages(Section):
    """How a long text is divided: `tokens` at most in a passage, of which up to `overlap` are the end of the one before; cut
    where sentences end, or between any two words."""

    tokens: Annotated[int, Field(strict=True, ge=16)] = 200
    overlap: Annotated[int, Field(strict=True, ge=0)] = 40
    boundary: Literal["sentence", "word"] = "sentence"

    @model_validator(mode="after")
    def _moves_on(self) -> Passages:
        if 2 * self.overlap > self.tokens:
            raise ValueError(f"overlap ({self.overlap}) is more than half of tokens ({self.tokens}): lower it")
        return self


class EncodedField(Section):
    """What every kind of vector field has.

    `long_texts`: what becomes of texts that are longer than the model reads. None: they are cut as by `truncate`, and no share of
    them is too large. `passages`: each passage has a vector of its own. `max`: the document's vector has, of each token, the
    largest weight that a passage has. `passages` says how a text is divided. `text`: its
    own template; None: the corpus'.
    """

    encoder: EncoderConfig
    text: str | None = None
    long_texts: Literal["truncate", "max", "passages"] | None = None
    passages: Passages | None = None

    @property
    def divided(self) -> Passages | None:
        """How its texts become passages; None where they stay whole."""
        return (self.passages or Passages()) if self.long_texts in ("max", "passages") else None

    def path(self, name: str) -> str:
        """The full name of its vectors in the index, where the field has this name."""
        return f"{name}.{PASSAGE_VECTOR}" if self.long_texts == "passages" else name

    @property
    def has_own_texts(self) -> bool:
        """Whether its texts are others than the whole texts of the corpus."""
        return self.text is not None or self.divided is not None

    @property
    def text_shape(self) -> dict[str, Any]:
        """What its own texts make of the index; nothing where they are the corpus'."""
        own, divided = {} if self.text is None else {"text": self.text}, self.divided
        return own if divided is None else {**own, "long_texts": self.long_texts, "passages": divided.model_dump()}

    @field_validator("text")
    @classmethod
    def _template_names_columns(cls, template: str | None) -> str | None:
        if template is not None:
            columns_of(template)
        return template

    @model_validator(mode="after")
    def _long_texts_fit_the_encoder(self) -> Self:
        divided = self.divided
        if divided is None:
            if self.passages is not None:
                raise ValueError("passages is for `long_texts: passages` or `max`: say one of them, or leave it out")
            return self
        if not isinstance(self.encoder.model, FileModel | UrlModel):
            raise ValueError(
                f"`long_texts: {self.long_texts}` needs the model's own tokenizer, which is in its zip: name the model by "
                f"`source: file` or `url`, not {self.encoder.model.source}"
            )
        if divided.tokens > self.encoder.max_tokens - 2:
            raise ValueError(
                f"passages.tokens ({divided.tokens}) and the two special tokens are more than the model reads "
                f"(encoder.max_tokens {self.encoder.max_tokens}): lower it"
            )
        return self


class SparseField(EncodedField):
    """A field of weighted tokens, and the encoder that makes them. `query_ways`: how a query may become such tokens, the first
    one unless the corpus says otherwise."""

    query_ways: ClassVar[tuple[str, ...]] = ("analyzer", "model", "tokens")
    kind: Literal["sparse"]
    index: TokenIndex = TokenIndex()

    @property
    def vector_identity(self) -> dict[str, Any]:
        """What changes a vector beside the model and its token limit."""
        return {"pruning": self.encoder.pruning.model_dump(mode="json"), "token_format": "WORD"}

    @property
    def shape(self) -> Any:
        """What of it only a new index can have."""
        if self.codec is None and not self.text_shape:
            return self.kind
        index = {} if self.codec is None else {"index": self.index.model_dump()}
        return {"kind": self.kind, **index, **self.text_shape}

    @property
    def codec(self) -> str | None:
        """The setting (index.*) that gives an index the codec of this field; an index has one of its own at most."""
        return "sparse" if self.index.type == "sparse_vector" else None

    @model_validator(mode="after")
    def _stays_whole_in_such_an_index(self) -> SparseField:
        if self.codec is not None and self.divided is not None:
            raise ValueError(
                f"`index: sparse_vector` and `long_texts: {self.long_texts}` do not go together: such an index has one vector of "
                "a document, as it was encoded. Write `index: rank_features`, or `long_texts: truncate`"
            )
        return self


class DenseField(EncodedField):
    """A field of `dimension` numbers a text, and the encoder that makes them. `space`: how two vectors are compared. `engine`:
    what searches them; `knn_natives`: every data node has the k-NN plugin's native libraries, without which `faiss` ends a node
    that cannot start again; the connection may say so instead."""

    query_ways: ClassVar[tuple[str, ...]] = ("model",)
    kind: Literal["dense"]
    # The most that the engine lucene takes.
    dimension: Annotated[int, Field(strict=True, ge=1, le=16_000)]
    space: Space = "cosinesimil"
    engine: Engine = "lucene"
    knn_natives: bool = False

    @model_validator(mode="after")
    def _fits_its_encoder(self) -> DenseField:
        if self.encoder.pruning.type is not PruneType.NONE:
            raise ValueError("only sparse vectors are pruned: leave encoder.pruning out")
        if self.long_texts == "max":
            raise ValueError(
                "`long_texts: max` is for sparse vectors: the largest of each number of several dense ones means nothing. Say "
                "`passages` or `truncate`"
            )
        if isinstance(self.encoder.model, FileModel | UrlModel):
            self._require_dimension(self.encoder.model.model_config_body or {})
        return self

    def _require_dimension(self, model_config: Mapping[str, object]) -> None:
        known = model_config.get("embedding_dimension")
        if known is None:
            raise ValueError(
                "a dense model is registered with what ML Commons has to know of it: give encoder.model.model_config_body "
                f"model_type, framework_type and embedding_dimension ({self.dimension})"
            )
        if known != self.dimension:
            raise ValueError(
                f"the model answers {known} numbers (model_config_body.embedding_dimension), dimension is "
                f"{self.dimension}: correct the wrong one"
            )

    @property
    def vector_identity(self) -> dict[str, Any]:
        """What changes a vector beside the model and its token limit."""
        model_config = self.encoder.model.model_dump(include={"model_config_body"})
        return {"kind": self.kind, "dimension": self.dimension, **model_config}

    @property
    def shape(self) -> Any:
        """What of it only a new index can have."""
        engine = {} if self.engine == "lucene" else {"engine": self.engine}
        return {"kind": self.kind, "dimension": self.dimension, "space": self.space, **engine, **self.text_shape}

    @property
    def codec(self) -> str | None:
        """The setting (index.*) that gives an index the codec of this field; an index has one of its own at most."""
        return "knn"


VectorField = SparseField | DenseField
# The kinds by their names, which are the tags of that union.
FIELD_KINDS: Mapping[str, type[VectorField]] = MappingProxyType({"sparse": SparseField, "dense": DenseField})


def fingerprint(field: VectorField, content_sha256: str | None) -> str:
    """16 hex digits that name the vectors of this field's encoder.

    Everything that changes a vector is in it: the model's content hash (None: the catalogue's name and version
    stand for it), name, version, max tokens, and what its kind adds.
    """
    named = {"name", "version", "model_format", "model_id"}
    identity = {
        "content": content_sha256,
        "model": field.encoder.model.model_dump(include=named),
        "max_tokens": field.encoder.max_tokens,
        **field.vector_identity,
    }
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def with_first_field(raw: Any) -> Any:
    """A configuration with `vectors`, and the first of them as `encoder` and `index.vector_field` too: what works with one
    field works with that one."""
    fields, index = (raw.get("vectors"), raw.get("index", {})) if isinstance(raw, Mapping) else (None, None)
    if not isinstance(fields, Mapping) or not fields or not isinstance(index, Mapping):
        return raw
    name, first = next(iter(fields.items()))
    encoder = {"encoder": first["encoder"]} if isinstance(first, Mapping) and "encoder" in first else {}
    return {**encoder, **raw, "index": {"vector_field": name, **index}}
