"""The tokenizer shared by the three models: whole words, BERT's way of cleaning and splitting text."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_EVERYDAY_WORDS = Path(__file__).with_name("everyday_words.txt")
MAX_TOKENS = 512
WORD_ENDINGS = ("##s", "##es", "##ed", "##d", "##ing", "##er", "##ly")


def build_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A WordPiece tokenizer that knows every word of `texts`, everyday English words and common endings.

    Everyday words have no learned associations, but texts of other corpora keep most of their own words.
    """
    words = _words([*texts, _EVERYDAY_WORDS.read_text(encoding="utf-8")])
    vocabulary = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *sorted(words), *WORD_ENDINGS))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _words(texts: Iterable[str]) -> set[str]:
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words: set[str] = set()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    return {word for word in words if word.isalpha()}
