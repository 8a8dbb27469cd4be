"""`bptt encode`: sentences as numbers, in the encodings that networks read.

The vocabulary is that of the sentences.  Integers are padded with 0, so that no word has this index; vectors have an
entry for each word and none for padding.

Read next: `reports.commands.code`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numeric.text import PADDING, Vocabulary, bag_of_words, one_hot, padded, tf_idf, tokens, vocabulary
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table

Rows = list[Any]


def _integers(rows: Sequence[Sequence[int]], words: Vocabulary) -> Rows:
    return padded(rows)[0].T.tolist()


def _one_hot(rows: Sequence[Sequence[int]], words: Vocabulary) -> Rows:
    return [one_hot(row, len(words)).astype(int).tolist() for row in rows]


def _bags(rows: Sequence[Sequence[int]], words: Vocabulary) -> Rows:
    return bag_of_words(rows, len(words)).astype(int).tolist()


def _tf_idf(rows: Sequence[Sequence[int]], words: Vocabulary) -> Rows:
    return tf_idf(bag_of_words(rows, len(words))).tolist()


ENCODINGS: Mapping[str, Callable[[Sequence[Sequence[int]], Vocabulary], Rows]] = {
    "integer": _integers,
    "one-hot": _one_hot,
    "bow": _bags,
    "tf-idf": _tf_idf,
}


def encode(texts: Sequence[str], *, encoding: str, as_json: bool) -> int:
    """Print each sentence in an encoding.

    Raises:
        Failure: for an unknown encoding, or no word at all.
    """
    if encoding not in ENCODINGS:
        raise Failure(f"--encoding: {encoding!r} is none of {', '.join(ENCODINGS)}")
    sentences = [tokens(text) for text in texts]
    if not all(sentences):
        raise Failure("a sentence without a word cannot be encoded")
    words = vocabulary(sentences, special=(PADDING,) if encoding == "integer" else ())
    rows = ENCODINGS[encoding]([words.encode(sentence) for sentence in sentences], words)
    if as_json:
        print_json({"encoding": encoding, "vocabulary": list(words.words), "sentences": sentences, "rows": rows})
    else:
        print_text(_text(encoding, words, sentences, rows))
    return 0


def _text(encoding: str, words: Vocabulary, sentences: Sequence[Sequence[str]], rows: Rows) -> str:
    texts = [" ".join(sentence) for sentence in sentences]
    if encoding == "integer":
        named = table([(str(index), word) for word, index in words.index.items()], "rl")
        body = [(text, *map(str, row)) for text, row in zip(texts, rows, strict=True)]
        return f"{named}\n\n" + table(body, "l" + "r" * len(rows[0]))
    if encoding == "one-hot":
        pictures = [[*zip(sentence, row, strict=True)] for sentence, row in zip(sentences, rows, strict=True)]
        return "\n\n".join(_columns(words, picture) for picture in pictures)
    return _columns(words, [*zip(texts, rows, strict=True)])


def _columns(words: Vocabulary, rows: Sequence[tuple[str, Sequence[Any]]]) -> str:
    """One row for each text, one column for each word."""
    body = [(text, *(f"{x:.4f}" if isinstance(x, float) else str(x) for x in row)) for text, row in rows]
    return table([("", *words.words), *body], "l" + "r" * len(words))
