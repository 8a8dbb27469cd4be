"""Language models: probabilities that sum to 1, whatever is read at once, and sampling by these probabilities."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

import derive
from derive.networks import bidirectional, build, embedded, head, stack
from numeric.language_model import (
    CHUNK,
    END,
    UNKNOWN,
    LanguageModel,
    conditionals,
    draw,
    log_probability,
    log_softmax,
    perplexity,
    sample,
)
from numeric.training import first_values

CELLS = {
    "lstm": lambda: build("language-model"),
    "gru": lambda: head(embedded(derive.load("gru")), width="V"),
    "two layers": lambda: head(embedded(stack(derive.load("rnn"), 2)), "softmax", width="V"),
    "lag of two": lambda: head(embedded(derive.parse("h[t] = tanh(W @ h[t-1] + R @ h[t-2] + U @ x[t])")), width="V"),
}
SYMBOLS = (END, UNKNOWN, "a", "b")


def model(cell="lstm", symbols=SYMBOLS, scale=3.0, dtype="float64"):
    net = CELLS[cell]()
    values = first_values(net, {"H": 5, "D": 3, "V": len(symbols)}, 1)
    return LanguageModel(net, {name: scale * value for name, value in values.items()}, symbols, dtype=dtype)


def sentences(length, symbols):
    return itertools.product([s for s in symbols if s != END], repeat=length)


# --- probability --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_sentences_up_to_a_length_and_the_beginnings_of_longer_ones_have_probability_1(cell):
    lm, longest = model(cell), 3
    ended = [log_probability(lm, s) for n in range(longest + 1) for s in sentences(n, SYMBOLS)]
    open_ = [log_probability(lm, s, ended=False) for s in sentences(longest + 1, SYMBOLS)]
    total = math.fsum(math.exp(value) for value in ended + open_)
    assert total == pytest.approx(1, abs=1e-13)
    assert 0.01 < math.fsum(math.exp(value) for value in ended) < 0.99, "the law says little of one of the two"


@pytest.mark.parametrize("cell", CELLS)
def test_a_sentence_has_the_product_of_its_conditionals(cell):
    """Read one symbol at a time, with the state carried by hand."""
    lm, product, state, before = model(cell), 1.0, None, END
    for symbol in ("a", "b", "b", "a", END):
        logs, state = lm.read(np.array([[lm.index[before]]]), state)
        assert np.exp(logs).sum() == pytest.approx(1, abs=1e-14)
        product *= math.exp(logs[0, 0, lm.index[symbol]])
        before = symbol
    assert log_probability(lm, "abba") == pytest.approx(math.log(product), rel=1e-13)
    assert log_probability(lm, "abab") != pytest.approx(math.log(product), rel=1e-3)


def test_words_and_characters_are_symbols_alike():
    words = model(symbols=(END, UNKNOWN, "good", "bad"))
    assert log_probability(words, ["good", "bad"]) == log_probability(model(), "ab")
    assert log_probability(words, ["good", "never", "bad"]) == log_probability(model(), "aUb")


def test_the_empty_sentence():
    lm = model()
    assert log_probability(lm, "", ended=False) == 0
    first, _ = lm.read(np.array([[lm.index[END]]]))
    assert log_probability(lm, "") == pytest.approx(first[0, 0, lm.index[END]], rel=1e-14)


def test_chunks_are_as_good_as_the_whole():
    lm, rng = model(), np.random.default_rng(0)
    text = rng.integers(0, 4, (2 * CHUNK + 7, 3))
    whole, _ = lm.read(text[:-1])
    expected = np.take_along_axis(whole, text[1:, :, None], -1)[..., 0]
    assert conditionals(lm, text) == pytest.approx(expected, rel=1e-12)
    assert conditionals(lm, text[:, 1]) == pytest.approx(expected[:, 1], rel=1e-12)
    assert perplexity(expected) == pytest.approx(math.exp(-expected.mean()))


def test_without_knowledge_the_perplexity_is_the_size_of_the_vocabulary():
    lm = model(scale=0.0)
    assert perplexity(conditionals(lm, np.array([0, 1, 2, 3, 2]))) == pytest.approx(4, rel=1e-14)


def test_log_softmax_of_far_apart_logits():
    assert log_softmax(np.array([1e4, 0.0])) == pytest.approx([0.0, -1e4])


def test_float32_kernels_give_nearly_the_same():
    assert log_probability(model(dtype="float32"), "abba") == pytest.approx(log_probability(model(), "abba"), rel=1e-5)


# --- sampling -----------------------------------------------------------------------------------------------------


def test_draws_have_the_probabilities_of_the_softmax():
    """10,000 draws: each count is within 4.5 standard deviations (a chance of 7 in a million to fail by luck)."""
    rng, logs, count = np.random.default_rng(0), np.log([0.5, 0.3, 0.15, 0.05]), 10_000
    for temperature, without in ((1.0, None), (0.5, None), (2.0, None), (1.0, 1)):
        p = np.exp(logs / temperature)
        p[[] if without is None else without] = 0
        p /= p.sum()
        found = np.bincount([draw(logs, rng, temperature, without) for _ in range(count)], minlength=4)
        assert np.all(np.abs(found - count * p) <= 4.5 * np.sqrt(count * p * (1 - p)))


def test_sampled_sentences_have_their_probability():
    """P(sentence) with <UNK> drawn again: every conditional is divided by 1 − P(<UNK>)."""
    lm, count = model(), 1500
    found = Counter("".join(sample(lm, seed=seed, longest=2)) for seed in range(count))
    for sentence in ("", "a", "b", "ab", "bb"):
        p, before, state = 1.0, END, None
        for symbol in [*sentence, END][:2]:
            logs, state = lm.read(lm.indices([before])[:, None], state)
            known = np.exp(logs[0, 0])
            p *= known[lm.index[symbol]] / (1 - known[lm.index[UNKNOWN]])
            before = symbol
        assert abs(found[sentence] - count * p) <= 4.5 * math.sqrt(count * p * (1 - p))
    assert not any(UNKNOWN in sentence for sentence in found)


def test_the_seed_tells_the_sample_and_the_prompt_is_read():
    lm = model()
    first = sample(lm, seed=1, longest=50)
    assert first == sample(lm, seed=1, longest=50)
    assert len({tuple(sample(lm, seed=seed, longest=50)) for seed in range(8)}) > 1
    assert END not in first
    after_a, after_b = ([sample(lm, seed=s, longest=5, prompt=p) for s in range(20)] for p in ("ab", "ba"))
    assert after_a != after_b


def test_a_sample_is_drawn_from_what_follows_on_all_that_was_drawn():
    """The same draws with the whole sequence read again for every symbol."""
    lm, rng, drawn = model(symbols=tuple("abcdefgh"), scale=8.0), np.random.default_rng(7), list("ha")
    while len(drawn) < 42:
        logs, _ = lm.read(lm.indices(drawn)[:, None])
        drawn.append(lm.symbols[draw(logs[-1, 0], rng, 1.5)])
    assert sample(lm, seed=7, temperature=1.5, longest=40, prompt="ha") == drawn[2:]


def test_nearly_zero_temperature_takes_the_most_probable():
    lm = model(symbols=tuple("abcd"))
    logs, _ = lm.read(lm.indices("a")[:, None])
    assert sample(lm, temperature=1e-9, longest=1, prompt="a") == [lm.symbols[int(logs[0, 0].argmax())]]


def test_a_model_without_end_goes_on():
    assert len(sample(model(symbols=tuple("abcd")), seed=0, longest=30, prompt="a")) == 30


# --- what does not fit --------------------------------------------------------------------------------------------

BACKWARD = derive.parse("h[t] = tanh(W @ h[t+1] + U @ x[t])")
STARTED = derive.parse("E : V, V\nk[t] : index V\nh[0] = v\nh[t] = tanh(W @ h[t-1] + take(E, k[t]))")
ANEW = derive.parse(
    "E : V, V\nk[t] : index V\nh[0] = take(E, k[1])\ny[t] = tanh(W @ h[t-1] + take(E, k[t]))\nh[t] = y[t]"
)
ALL = derive.parse("E : V, V\nk[t] : index V\ne[t] = take(E, k[t])\ny[t] = e[t] + sum[t](e[t])")
LATER = derive.parse("E : V, V\nk[t] : index V\ne[t] = take(E, k[t])\nu[t] = e[t] + e[t+1]\ny[t] = W @ u[t] + u[t]")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: LanguageModel(head(embedded(bidirectional(derive.load("gru"))), width="V"), {}, "ab"), "later steps"),
        (lambda: LanguageModel(head(embedded(BACKWARD), width="V"), {}, "ab"), "h sees later steps"),
        (lambda: LanguageModel(ALL, {}, "ab", logits="y"), "y sees later steps"),
        (lambda: LanguageModel(LATER, {}, "ab", logits="y"), "u sees later steps"),
        (lambda: LanguageModel(STARTED, {}, "ab", logits="h"), r"h\[0\] has an equation"),
        (lambda: LanguageModel(ANEW, {}, "ab", logits="y"), r"h\[0\] has an equation"),
        (lambda: LanguageModel(build("tagger"), {}, "ab"), "sees later steps"),
        (lambda: LanguageModel(derive.load("rnn"), {}, "ab"), "nothing has a row for every class"),
        (lambda: LanguageModel(ALL, {}, "ab"), "say which of e, y"),
        (lambda: LanguageModel(build("language-model"), {}, "ab", logits="q"), "q is nothing that"),
        (lambda: LanguageModel(build("language-model"), {}, "ab", input="word"), "logits"),
        (lambda: LanguageModel(build("language-model"), {}, "aba"), "occurs twice"),
        (lambda: model().read(np.array([[7]])), "indices"),
        (lambda: LanguageModel(build("language-model"), model().parameters, "ab").read(np.array([[0]])), "2 symbols"),
        (lambda: log_probability(model(symbols=tuple("abcd")), "a"), "no <EOS>"),
        (lambda: log_probability(model(), ["a", END]), "inside"),
        (lambda: log_probability(model(symbols=(END, *"abc")), "ax"), "'x' is not in the vocabulary"),
        (lambda: sample(model(), temperature=0), "temperature is 0"),
        (lambda: sample(model(symbols=tuple("abcd"))), "give a prompt"),
        (lambda: draw(np.array([0.0, -math.inf]), np.random.default_rng(0), without=0), "nothing but <UNK>"),
        (lambda: conditionals(model(), np.array([1])), "less than 2 symbols"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        call()
    assert "\n" not in str(refused.value)
