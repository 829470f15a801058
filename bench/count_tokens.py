"""What counting tokens adds to a scan: `PYTHONPATH=include python bench/count_tokens.py --model DIR/model.zip`.

Texts of 100 and of 3,000 words are scanned without a tokenizer, with one text in 16 counted (what a corpus file gets that
says nothing), with all of them counted (`long_texts: truncate`), and divided into passages. Rows a second, the best of
--repeats: other work on the machine only ever adds to the time.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.dataset import data_set
from sparse_index.corpus.files import even_shards, source_files
from sparse_index.corpus.scan import scan_shard
from sparse_index.corpus.schema import Typed, decide, save_schema
from sparse_index.corpus.shards import Shard
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.store.files import Store

ROOT = Path(__file__).parents[1]
TOY = ROOT / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
WORDS = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").split()
# Words of a text, texts.
SIZES = ((100, 20_000), (3_000, 500))
FIELD = "text_sparse"
WAYS: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("not counted", {}, False),
    ("one in 16", {}, True),
    ("all", {"long_texts": "truncate"}, True),
    ("passages", {"long_texts": "passages"}, True),
)


def write_corpus(folder: Path, words: int, texts: int) -> None:
    drawn = random.Random(1)
    bodies = [" ".join(drawn.choices(WORDS, k=words)) for _ in range(texts)]
    folder.mkdir()
    table = pa.table({"id": [str(number) for number in range(texts)], "body": bodies})
    pq.write_table(table, folder / "a.parquet", row_group_size=10_000)


def config_of(folder: Path, model: Path, way: dict[str, Any], store: Path) -> CorpusConfig:
    source = {"uri": str(folder), "id_column": "id", "text_template": "{body}"}
    encoder = {"model": {"source": "file", "name": "bench", "version": "1", "path": str(model)}}
    field = {"kind": "sparse", "encoder": encoder, **way}
    return CorpusConfig.model_validate(
        {"alias": "bench", "store": str(store), "source": source, "vectors": {FIELD: field}}
    )


def shards_of(config: CorpusConfig, store: Store, counted: bool) -> list[Shard]:
    """As a plan makes them, without a cluster."""
    files = source_files(config.source, data_set(config.source, config.source.uri))
    schema = decide(
        config, [Typed(each.uri, each.schema, each.valueless, each.guessed) for each in files], None, anew=True
    )
    found = {"corpus": config.source.uri, "schema_path": save_schema(store, config.alias, schema)}
    if counted:
        find_tokenizer(store, config.first_field.encoder.model, "bench")
    tokenizers = {"tokenizers": {FIELD: "bench"} if counted else {}}
    return [shard.model_copy(update=found | tokenizers) for shard in even_shards(files, config.source.max_shards)]


def rows_per_second(corpus: Path, model: Path, way: dict[str, Any], counted: bool) -> float:
    with tempfile.TemporaryDirectory() as name:
        config = config_of(corpus, model, way, Path(name))
        store = Store(config.store)
        shards = shards_of(config, store, counted)
        started = time.perf_counter()
        scans = [scan_shard(config, store, shard) for shard in shards]
        return sum(scan.rows for scan in scans) / (time.perf_counter() - started)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument(
        "--model", type=Path, default=TOY, help="zip of a model with a tokenizer.json (default: the toy one)"
    )
    options.add_argument("--repeats", type=int, default=3)
    chosen = options.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {chosen.model}, rows a second")
    print(f"| texts | {' | '.join(name for name, _, _ in WAYS)} |\n|---|{'--:|' * len(WAYS)}")
    with tempfile.TemporaryDirectory() as name:
        for words, texts in SIZES:
            corpus = Path(name, str(words))
            write_corpus(corpus, words, texts)
            best = [
                max(rows_per_second(corpus, chosen.model, way, counted) for _ in range(chosen.repeats))
                for _, way, counted in WAYS
            ]
            print(f"| {texts:,} of {words:,} words | {' | '.join(f'{rate:,.0f}' for rate in best)} |", flush=True)


if __name__ == "__main__":
    main()
