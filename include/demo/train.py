"""`python -m demo.train`: train the three toy models and write include/demo/toy_models. See README.md.

Needs torch and tokenizers (training/requirements.txt), which nothing else in the project needs. Every random
choice is seeded; the vocabulary and the zip layout are exact, weights may differ in the last bits between CPUs.
"""

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer

from demo.judgements import Split, load_queries, queries_path
from demo.model_archive import write_model
from demo.scenes import CORPUS_NAMES
from demo.training.cross import CrossLearner, cross_loss
from demo.training.dense import DIMENSION, DenseLearner, dense_loss
from demo.training.examples import Example, examples
from demo.training.loop import Schedule, train
from demo.training.packaging import members
from demo.training.sparse_training import SparseLearner, count_statistics, sparse_loss
from demo.training.vocabulary import MAX_TOKENS, build_tokenizer

_SEED = 11
_EXAMPLES = 16_000
_TOY_MODELS = Path(__file__).with_name("toy_models")
_VERSION = "1.0.0"
_COMMON = {"version": _VERSION, "model_format": "TORCH_SCRIPT"}
SPARSE_BODY = {"name": "toy-sparse", **_COMMON, "function_name": "SPARSE_ENCODING"}
DENSE_BODY = {
    "name": "toy-dense",
    **_COMMON,
    "function_name": "TEXT_EMBEDDING",
    "model_config": {
        "model_type": "bert",
        "embedding_dimension": DIMENSION,
        "framework_type": "sentence_transformers",
    },
}
CROSS_BODY = {
    "name": "toy-cross",
    **_COMMON,
    "function_name": "TEXT_SIMILARITY",
    "model_config": {"model_type": "bert", "embedding_dimension": 1, "framework_type": "huggingface_transformers"},
}


def main() -> None:
    """Train what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=_TOY_MODELS)
    parser.add_argument(
        "--models", nargs="+", choices=("sparse", "dense", "cross"), default=["sparse", "dense", "cross"]
    )
    arguments = parser.parse_args()
    train_models(arguments.out, arguments.models)


def train_models(out: Path, models: Sequence[str]) -> None:
    """Train each model from the same seed, so that training one alone gives the same model."""
    torch.set_num_threads(1)
    pool = list(islice(examples(_SEED, held_out_queries()), _EXAMPLES))
    tokenizer = make_tokenizer(pool)
    statistics = count_statistics(tokenizer, pool)
    for name in models:
        torch.manual_seed(_SEED)
        if name == "sparse":
            sparse = train(SparseLearner(statistics), sparse_loss, tokenizer, pool, Schedule(300, 16, 0.03))
            digest = write_model(out / name, members(name, sparse.freeze(), tokenizer), SPARSE_BODY)
        elif name == "dense":
            dense = train(DenseLearner(statistics.idf), dense_loss, tokenizer, pool, Schedule(1500, 48, 0.02))
            digest = write_model(out / name, members(name, dense.freeze(), tokenizer), DENSE_BODY)
        else:
            cross = train(CrossLearner(statistics.idf), cross_loss, tokenizer, pool, Schedule(800, 24, 0.02))
            digest = write_model(out / name, members(name, cross.freeze(), tokenizer), CROSS_BODY)
        print(f"{out / name}/model.zip sha256 {digest}")


def held_out_queries() -> frozenset[str]:
    """Texts of all held-out queries: training never sees them, not even with another answer."""
    return frozenset(
        query.text for corpus in CORPUS_NAMES for query in load_queries(queries_path(corpus), Split.HELD_OUT)
    )


def make_tokenizer(pool: Sequence[Example]) -> Tokenizer:
    """A vocabulary of all words that the examples hold."""
    tokenizer = build_tokenizer(text for example in pool for text in (example.query.text, example.answer.text))
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


if __name__ == "__main__":
    main()
