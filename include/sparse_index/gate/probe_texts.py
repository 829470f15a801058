"""What the probe of an encoder asks: texts that any corpus might have, and some that this one has."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.builds.plan import Part, Plan
from sparse_index.corpus.hashes import hash_text
from sparse_index.encode.source_texts import iter_texts
from sparse_index.encode.texts import Text
from sparse_index.store.files import Store
from sparse_index.store.layout import PARTS
from sparse_index.store.sql import connect, copy_to, literal, parquet
from sparse_index.vectors.probe import Probe

OF_THE_CORPUS = 24
# Each costs the reading of a row group up to the last row that is wanted of it.
_ROW_GROUPS = 4
_ANY = (
    "umbrella",
    "Where is my parcel? It should have come on Monday.",
    "4,711 pieces at 19.99 EUR each, order no. 0031 of 2024-02-29, 15:30",
    "Crème brûlée in a naïve façade, Straße, São Paulo, Ærøskøbing",
    "!?... (a) [b] {c} -- 'd' \"e\" #f @g %h & i/j\\k",
    "UPPER lower MiXeD camelCase snake_case",
    "東京 Москва القاهرة ελληνικά",
)
_WORDS = (
    "screen broken refund order late parcel account password payment money card invoice delivery address battery phone camera "
    "light water heat house door window garden street city country river mountain sea weather summer winter morning evening "
    "doctor medicine hospital school teacher student book paper music film game team player coach market price share bank law "
    "court judge contract party vote minister science space energy engine car train plane road bread meat fruit coffee sugar "
    "shirt shoe colour size small large old new fast slow cheap good bad right wrong open close buy sell send return repair"
)


def texts_to_probe(store: Store, plan: Plan, field: str) -> list[Probe]:
    """Of which nothing has been said yet: texts that any corpus might have, one of them longer than what the encoder reads, and
    up to 24 that are to be encoded for this field."""
    longest = beyond(plan.config.vector_fields[field].encoder.max_tokens)
    known = [Probe(hash_text(text), text, of_corpus=False, vector=None) for text in (*_ANY, longest)]
    own = [Probe(text.text_hash, text.text, of_corpus=True, vector=None) for text in _of_the_corpus(store, plan, field)]
    return list({probe.text_hash: probe for probe in (*known, *own)}.values())


def beyond(tokens: int) -> str:
    """A text of twice as many words. New ones come all along it, so that wherever it is cut some are lost."""
    words, count = _WORDS.split(), 2 * tokens
    return " ".join(words[number * len(words) // count] for number in range(count))


def _of_the_corpus(store: Store, plan: Plan, field: str) -> Iterator[Text]:
    # Parts of former versions are of one field each.
    parts = [part for part in plan.encode_parts if part.field in (None, field)]
    path = f"{plan.folder}/{PARTS}/probe-{parts[0].number:05d}.parquet"
    with connect(store) as con:
        every, none = parquet(store, [part.path for part in parts]), "SELECT NULL::VARCHAR AS field WHERE false"
        rows = (
            f"(FROM (FROM {every} UNION ALL BY NAME {none}) WHERE coalesce(field, {literal(field)}) = {literal(field)})"
        )
        seed = literal(plan.build_id)
        few = f"FROM (SELECT DISTINCT file, row_group FROM {rows}) ORDER BY hash(file, row_group, {seed}) LIMIT {_ROW_GROUPS}"
        chosen = f"FROM {rows} SEMI JOIN ({few}) few USING (file, row_group) ORDER BY hash(text_hash, {seed})"
        copy_to(con, store, f"FROM ({chosen} LIMIT {OF_THE_CORPUS}) ORDER BY file, row_group, row", path)
    return iter_texts(store, plan, Part(number=parts[0].number, path=path, items=OF_THE_CORPUS, field=parts[0].field))
