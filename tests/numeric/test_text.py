"""Text as numbers, against the lecture notes and computations by hand; word vectors learned from a toy corpus."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive
import numeric
from derive.networks import embedded, embeddings, head, loss, masked
from numeric import text, word_vectors
from numeric.text import END, PADDING, UNKNOWN, Vocabulary, bag_of_words, one_hot, padded, tf_idf, tokens, vocabulary
from numeric.word_vectors import analogy, cooccurrences, cosine, nearest, noise, pairs

GOOD = ["good", "better", "better", "worse"]
MOVIE = [["movie", "was", "okay"], ["movie", "was", "bad"], ["movie", "was", "good"]]


@pytest.mark.parametrize("module", [text, word_vectors])
def test_the_examples_run(module):
    found = doctest.testmod(module)
    assert found.attempted >= 3
    assert found.failed == 0


def test_a_vocabulary_has_the_most_frequent_words_after_the_special_ones():
    sentences = [tokens("The cat saw the dog."), tokens("The dog saw a cat.")]
    assert tokens("The cat's “dog” saw: 3.5!") == ["the", "cat's", "“", "dog", "”", "saw", ":", "3", ".", "5", "!"]
    assert vocabulary(sentences).words == (PADDING, UNKNOWN, END, "the", "cat", "saw", "dog", ".", "a")
    assert vocabulary(sentences, 2, special=(UNKNOWN,)).words == (UNKNOWN, "the", "cat")
    assert vocabulary(sentences, least=2, special=()).words == ("the", "cat", "saw", "dog", ".")
    assert vocabulary([["<UNK>", "a"]]).words == (PADDING, UNKNOWN, END, "a")
    assert vocabulary(["abca"], special=()).words == ("a", "b", "c")  # characters


def test_encoding_is_undone_by_decoding_but_for_unknown_words():
    words = vocabulary(MOVIE)
    assert words.encode(["movie", "was", "long"], end=True) == [3, 4, 1, 2]
    assert words.decode([3, 4, 1, 2]) == ["movie", "was", UNKNOWN, END]
    assert all(words.decode(words.encode(row)) == row for row in MOVIE)


def test_one_hot_sentences_of_the_notes():
    """ "good better better worse" and the five words of "movie was okay / bad / good"."""
    words = vocabulary([GOOD], special=())
    assert one_hot(Vocabulary(("good", "better", "worse", "bad")).encode(GOOD), 4).tolist() == [
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0],
    ]  # fmt: skip
    assert words.words == ("better", "good", "worse")
    five = vocabulary(MOVIE, special=())
    assert five.words == ("movie", "was", "okay", "bad", "good")
    assert one_hot(five.encode(MOVIE[0]), 5).tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert one_hot([[0, 1], [1, 0]], 2).shape == (2, 2, 2)


def test_padded_rows_of_the_notes():
    indices, mask = padded([[1, 2, 3], [5, 6, 7, 8]])
    assert indices.T.tolist() == [[1, 2, 3, 0], [5, 6, 7, 8]]
    assert mask.T.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_padded_sentences_give_the_numbers_of_the_sentences_one_by_one():
    """The mask is the one that `derive.networks.masked` reads."""
    rows, tags = [[1, 2, 3], [4, 4, 7, 8], [5]], [[1, 0, 1], [0, 1, 1, 0], [1]]
    net = masked(loss(head(embedded(derive.load("rnn"), padding=0), "softmax"), target="tag"))
    rng = np.random.default_rng(0)
    weights = {"W_h": (2, 5), "b_h": (2,), "E": (3, 9), "W_y": (2, 2), "b_y": (2,)}
    weights = {name: rng.standard_normal(shape) for name, shape in weights.items()}
    kernel = numeric.compile(net)

    def losses(sentences, targets):
        k, m = padded(sentences)
        return kernel.forward(weights, {"k": k, "m": m, "tag": padded(targets)[0]}).outputs["L"]

    alone = [losses([row], [tag])[0] for row, tag in zip(rows, tags, strict=True)]
    assert np.abs(losses(rows, tags) - alone).max() <= 1e-14


def test_bags_of_words_and_tf_idf_by_hand():
    """N = 3; "movie" is in all three (idf 1), "okay" in one (idf ln 2 + 1); "good" twice in the last."""
    words = vocabulary(MOVIE, special=())
    counts = bag_of_words([words.encode(row) for row in [*MOVIE[:2], [*MOVIE[2], "good"]]], 5)
    assert counts.tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 0, 2]]
    rare = np.log(4 / 2) + 1
    by_hand = np.array([[1, 1, rare, 0, 0], [1, 1, 0, rare, 0], [1, 1, 0, 0, 2 * rare]])
    assert np.abs(tf_idf(counts, unit=False) - by_hand).max() <= 1e-15
    lengths = np.sqrt([2 + rare**2, 2 + rare**2, 2 + 4 * rare**2])[:, None]
    assert np.abs(tf_idf(counts) - by_hand / lengths).max() <= 1e-15
    fresh = tf_idf([[0, 0, 0, 0, 0], [0, 0, 0, 3, 0]], counts)
    assert fresh.tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 1, 0]]


@pytest.mark.needs("sklearn")
def test_tf_idf_is_scikit_learns():
    from sklearn.feature_extraction.text import TfidfTransformer

    counts = np.random.default_rng(0).poisson(0.5, (6, 9)).astype(float)
    assert np.abs(tf_idf(counts) - TfidfTransformer().fit_transform(counts).toarray()).max() <= 1e-14


ROWS = st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=1, max_size=4).filter(any)


@given(ROWS)
def test_a_bag_is_the_sum_of_one_hot_vectors_and_padding_changes_neither(rows):
    indices, mask = padded(rows)
    assert [column[keep == 1].tolist() for column, keep in zip(indices.T, mask.T, strict=True)] == rows
    assert (bag_of_words(rows, 7) == (one_hot(indices, 7) * mask[..., None]).sum(0)).all()


# --- word vectors

NOTES = Vocabulary(("boy", "girl", "king", "queen", "apple", "mango"))
FEATURES = np.array([  # gender, royal, age
    [-1.0, 1.0, -0.92, 0.93, 0.0, 0.1],
    [0.01, 0.02, 0.75, 0.96, -0.02, 0.01],
    [0.03, 0.02, 0.7, 0.6, 0.95, 0.92],
])  # fmt: skip


def test_analogies_of_the_notes():
    """e(boy) − e(girl) ≈ e(king) − e(queen) in gender: −2 and −1.85; so boy is to girl as king is to queen."""
    boy, girl, king, queen = FEATURES.T[:4]
    assert boy[0] - girl[0] == -2
    assert king[0] - queen[0] == pytest.approx(-1.85, abs=1e-15)
    assert cosine(boy - girl, king - queen) > 0.99
    assert analogy(FEATURES, NOTES, "boy", "girl", "king")[0][0] == "queen"
    assert analogy(FEATURES, NOTES, "girl", "boy", "queen")[0][0] == "king"
    assert [word for word, _ in nearest(FEATURES, NOTES, FEATURES[:, 4], 2)] == ["apple", "mango"]
    assert [word for word, _ in nearest(FEATURES, NOTES, FEATURES[:, 4], 1, without=["apple"])] == ["mango"]


def test_cosine_is_1_0_and_minus_1_where_it_should_be():
    assert cosine([3, 4], [6, 8]) == pytest.approx(1, abs=1e-15)
    assert cosine([1, 0], [0, 2]) == 0
    assert cosine([1, 1], [-2, -2]) == pytest.approx(-1, abs=1e-15)
    assert cosine([1, 2, 2], [2, 1, 2]) == pytest.approx(8 / 9, abs=1e-15)
    padded_table = np.hstack([np.zeros((3, 1)), FEATURES])
    assert len(nearest(padded_table, Vocabulary((PADDING, *NOTES.words)), FEATURES[:, 0], 9)) == 6


def test_neighbours_and_their_counts_by_hand():
    words, contexts = pairs([[0, 1, 2], [3]], 1)
    assert list(zip(words.tolist(), contexts.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    i, j, x = cooccurrences([[0, 1, 2], [0, 1]], 2)
    found = dict(zip(zip(i.tolist(), j.tolist(), strict=True), x.tolist(), strict=True))
    assert found == {(0, 1): 2, (1, 0): 2, (0, 2): 0.5, (2, 0): 0.5, (1, 2): 1, (2, 1): 1}
    drawn = noise(np.random.default_rng(0), [16, 1, 0], (4000,))
    assert abs((drawn == 0).mean() - 8 / 9) < 0.02  # 16^(3/4) = 8
    assert (drawn < 2).all()


FRUIT, ROYAL = ["apple", "mango", "plum", "pear"], ["king", "queen", "throne", "crown"]


def corpus(rng):
    """Sentences of fruit and sentences of royalty, drawn at random: words of one kind have the same neighbours."""
    return [[str(word) for word in rng.choice(FRUIT if n % 2 else ROYAL, 6)] for n in range(40)]


def kinship(table, words):
    """How much nearer two words of one kind are than two of different kinds, at least."""
    kinds = {word: word in FRUIT for word in words.words}
    found = {(a, b): cosine(table[:, words.index[a]], table[:, words.index[b]]) for a in kinds for b in kinds if a < b}
    alike = [value for (a, b), value in found.items() if kinds[a] == kinds[b]]
    return min(alike) - max(value for (a, b), value in found.items() if kinds[a] != kinds[b])


def descend(kernel, weights, data, constants, rate, steps):
    """Plain gradient descent on the sum of the losses; the losses before and after."""
    seen = []
    for _ in range(steps):
        run = kernel.forward({**weights, **constants}, data)
        grads = kernel.backward(run, {"L": np.ones_like(run.outputs["L"])}).parameters
        seen.append(run.outputs["L"].sum())
        weights = {name: array - rate * grads[name] for name, array in weights.items()}
    return weights, seen[0], seen[-1]


def test_skip_gram_brings_neighbours_together():
    rng = np.random.default_rng(0)
    sentences = corpus(rng)
    words = vocabulary(sentences, special=())
    rows = [words.encode(sentence) for sentence in sentences]
    centre, context = pairs(rows, 3)
    weights = {"E": 0.1 * rng.standard_normal((4, 8)), "U": 0.1 * rng.standard_normal((4, 8))}
    data = {"word": centre, "context": context, "noise": noise(rng, bag_of_words(rows, 8).sum(0), (4, len(centre)))}
    assert kinship(weights["E"], words) < 0
    weights, before, after = descend(numeric.compile(embeddings.skip_gram()), weights, data, {}, 0.002, 100)
    assert before == pytest.approx(len(centre) * 5 * np.log(2), rel=0.01)
    assert after < 0.8 * before
    assert kinship(weights["E"], words) > 0.5


def test_glove_brings_neighbours_together():
    """Both kinds also meet once, so that the counts say how seldom they do."""
    rng = np.random.default_rng(0)
    sentences = [*corpus(rng), [*FRUIT, *ROYAL]]
    words = vocabulary(sentences, special=())
    i, j, x = cooccurrences([words.encode(sentence) for sentence in sentences], 7)
    shapes = {"W": (4, 8), "W_c": (4, 8), "b": (1, 8), "b_c": (1, 8)}
    weights = {name: 0.1 * rng.standard_normal(shape) for name, shape in shapes.items()}
    assert kinship(weights["W"] + weights["W_c"], words) < 0
    data = {"i": i[:, None], "j": j[:, None], "x": x[:, None]}
    weights, before, after = descend(numeric.compile(embeddings.glove()), weights, data, {"x_max": 10.0}, 0.02, 300)
    assert after < 0.1 * before
    assert kinship(weights["W"] + weights["W_c"], words) > 0.5


BAD = [
    (lambda: vocabulary(MOVIE, special=()).encode(["film"]), "the vocabulary of 5 words has no 'film' and no <UNK>"),
    (lambda: Vocabulary(("a", UNKNOWN)).encode(["a"], end=True), "the vocabulary of 2 words has no '<EOS>'"),
    (lambda: Vocabulary(("a",)).decode([1]), "1 is no index of 1 words: they are 0…0"),
    (lambda: Vocabulary(("a", "b")).decode([-1]), "-1 is no index of 2 words"),
    (lambda: Vocabulary(("a", "b", "a")), "the vocabulary has 'a' twice"),
    (lambda: padded([]), "there is nothing to pad"),
    (lambda: padded([[], []]), "there is nothing to pad"),
    (lambda: one_hot([0, 3], 3), "3 is no index of 3 words"),
    (lambda: one_hot([0.5], 3), "indices are integers, not float64"),
    (lambda: bag_of_words([[0], [7]], 5), "7 is no index of 5 words"),
    (lambda: tf_idf([[1, 2]], [[1, 2, 3]]), "of the same V, not (1, 2), (1, 3)"),
    (lambda: cosine([0, 0], [1, 0]), "a vector of zeros has no direction"),
    (lambda: nearest(FEATURES.T, NOTES, [1, 0, 0]), "a table of 6 words has 6 columns (D, V), not (6, 3)"),
    (lambda: analogy(FEATURES, NOTES, "boy", "girl", "prince"), "the vocabulary of 6 words has no 'prince'"),
    (lambda: pairs([[0, 1]], 0), "a window of 0"),
]


@pytest.mark.parametrize(("act", "reason"), BAD)
def test_what_cannot_be_gets_one_line(act, reason):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        act()
    assert reason in str(caught.value)
