"""Numbers that lecture notes print, recomputed by the parts of this library that they are about.

A vector that a gate keeps, sizes of matrices, an analogy, a sentence's probability, a clipped gradient: small examples,
each a `numeric.claims.Claim` whose check computes it.  Attention: Bahdanau, Cho & Bengio 2015, arXiv 1409.0473;
clipping: Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063.

Read next: `numeric.slips`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import derive
from derive.counts import parameter_counts
from derive.dimensions import dimension
from derive.networks import embedded, head
from derive.networks.attention import attention
from numeric.claims import Claim
from numeric.language_model import END, UNKNOWN, LanguageModel, log_probability, sample
from numeric.reference import evaluate
from numeric.text import PADDING, one_hot, padded, vocabulary
from numeric.training import clip_by_norm, clip_by_value, first_values, sgd
from numeric.word_vectors import analogy, cosine

EPS = float(np.finfo(float).eps)
SMALL = {dimension("D"): 4, dimension("H"): 3}
# the first numbers are those of the notes; the second, which tells royal persons from others, are not
WORDS = {"boy": (-1.0, 0.01), "girl": (1.0, 0.02), "king": (-0.92, 0.95), "queen": (0.93, 0.94), "apple": (0.0, -0.9)}


def shown(values: Any, digits: int = 6) -> str:
    """``[0.5, 1]``: the entries of an array."""
    return "[" + ", ".join(f"{value:.{digits}g}" for value in np.ravel(values)) + "]"


def _close(found: Any, wanted: Any, ulps: int = 8) -> bool:
    return bool(np.allclose(found, wanted, rtol=ulps * EPS, atol=ulps * EPS))


# --- cells --------------------------------------------------------------------------------------------------------


def _sigmoids() -> tuple[bool, str]:
    system = derive.parse("x[t] : 3\ny[t] = sigmoid(x[t])")
    y = evaluate(system, {}, {"x": np.array([[[1.0, 2.0, 3.0]]])})["y"].ravel()
    exact = [1 / (1 + math.exp(-x)) for x in (1, 2, 3)]
    return _close(y, exact) and bool((np.diff(y) > 0).all()), f"σ([1, 2, 3]) = {shown(y)}, and σ increases"


def _forget_gate() -> tuple[bool, str]:
    """One step of the cell, with the values of f and i ⊙ c̃ that the notes give."""
    cell = derive.parse("f[t] : 3\nw[t] : 3\nc[t] = f[t] * c[t-1] + w[t]")
    kept = []
    for f in (1.0, 0.5, 0.0):
        inputs = {"f": np.full((1, 1, 3), f), "w": np.zeros((1, 1, 3))}
        kept.append(evaluate(cell, {}, inputs, {"c": np.array([[4.0, 5.0, 6.0]])})["c"][0, 0].tolist())
    found = "; ".join(f"f = {f}: {shown(c)}" for f, c in zip(("1", "½", "0"), kept, strict=True))
    return kept == [[4, 5, 6], [2, 2.5, 3], [0, 0, 0]], found


def _gate_sizes() -> tuple[bool, str]:
    counts = {name: int(n.subs(SMALL)) for name, n in parameter_counts(derive.load("lstm")).items()}
    gate, whole = counts["W_f"] + counts["b_f"], sum(counts.values())
    found = f"3 × 7 = {counts['W_f']} weights + {counts['b_f']} biases = {gate} a gate, 4 · {gate} = {whole}"
    return (counts["W_f"], counts["b_f"], whole) == (3 * (3 + 4), 3, 4 * 24), found


def _three_to_four() -> tuple[bool, str]:
    lstm, gru = (sum(parameter_counts(derive.load(name)).values()) for name in ("lstm", "gru"))
    return (3 * lstm - 4 * gru).expand() == 0, f"{lstm.factor()} and {gru.factor()}"


# --- words --------------------------------------------------------------------------------------------------------


def _embedding_sizes() -> tuple[bool, str]:
    (count,) = parameter_counts(embedded(derive.parse("x[t] : D\ne[t] = x[t]"))).values()
    found = [int(count.subs({dimension("V"): 10_000, dimension("D"): width})) for width in (10, 300)]
    return found == [10_000 * 10, 10_000 * 300], f"D = 10: {found[0]:,}; D = 300: {found[1]:,}"


def _differences() -> tuple[bool, str]:
    table = np.array(list(WORDS.values())).T
    young, royal = table[0, 0] - table[0, 1], table[0, 2] - table[0, 3]
    # what is to king as girl is to boy
    ((word, near),) = analogy(table, vocabulary([list(WORDS)], special=()), "boy", "girl", "king")
    alike = _close(cosine(table[:, 0] - table[:, 1], 2 * (table[:, 0] - table[:, 1])), 1)
    found = f"{young:g} and {royal:g}; girl − boy + king is nearest to {word} (cosine {near:.4f})"
    return word == "queen" and alike and _close([young, royal], [-2, -1.85]), found


def _sentences() -> tuple[bool, str]:
    words = vocabulary([["tea", "was", word] for word in ("fine", "cold", "warm")], special=())
    rows = one_hot(words.encode(["tea", "was", "fine"]), len(words)).astype(int).tolist()
    return all(len(row) == 5 and sum(row) == 1 for row in rows), f"{len(words)} words; tea was fine: {rows}"


def _padded_rows() -> tuple[bool, str]:
    rows, mask = padded([[1, 2, 3], [5, 6, 7, 8]])
    same = rows.T.tolist() == [[1, 2, 3, 0], [5, 6, 7, 8]] and mask.T.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    words = vocabulary([["the", "tea", "and", "the", "cup"]], special=(PADDING, UNKNOWN))
    numbers = words.encode(["the", "saucer"])
    unknown = [words.words[number] for number in numbers]
    found = f"{rows.T.tolist()} with mask {mask.T.astype(int).tolist()}; the saucer is read {' '.join(unknown)}"
    return same and unknown == ["the", UNKNOWN], found


# --- language models ----------------------------------------------------------------------------------------------


def _language_model() -> LanguageModel:
    system = head(embedded(derive.load("gru")), "softmax", width="V")
    values = first_values(system, {"D": 3, "H": 4, "V": 4}, seed=1)
    return LanguageModel(system, {name: 4 * value for name, value in values.items()}, (END, UNKNOWN, "a", "b"))


def _sentence_probability() -> tuple[bool, str]:
    """All sentences of up to two symbols, and all beginnings of three, exhaust what can happen."""
    model = _language_model()

    def probability(length: int, ended: bool) -> float:
        sentences = itertools.product(model.symbols[1:], repeat=length)
        return math.fsum(math.exp(log_probability(model, sentence, ended=ended)) for sentence in sentences)

    shares = [probability(length, length < 3) for length in range(4)]
    text = ", ".join(f"{share:.4f}" for share in shares)
    return abs(sum(shares) - 1) < 1e-13, f"of 0, 1, 2 and more symbols: {text}; together {sum(shares):.12f}"


def _sampling() -> tuple[bool, str]:
    model = _language_model()
    drawn = [sample(model, seed=seed, longest=20) for seed in range(100)]
    ended = sum(len(sentence) < 20 for sentence in drawn)
    longest = max(drawn, key=lambda sentence: len(sentence))
    clean = not any({END, UNKNOWN} & set(sentence) for sentence in drawn)
    return (
        clean and ended > 0,
        f"{ended} of 100 ended by {END}, none with {UNKNOWN} in it; one of them: {''.join(longest)}",
    )


def _losses() -> tuple[bool, str]:
    softmax = derive.parse("y[t] : O\nk[t] : index O\nl[t] = logsumexp(y[t]) - take(y[t].T, k[t])")
    binary = derive.parse("y[t] : scalar\nq[t] : scalar\nl[t] = softplus(y[t]) - q[t] * y[t]")
    blind = evaluate(softmax, {}, {"y": np.zeros((1, 1, 10_000)), "k": np.array([[7]])})["l"].item()
    odds = np.full((2, 1), math.log(0.8 / 0.2))  # a logit whose sigmoid is 0.8
    right, wrong = evaluate(binary, {}, {"y": odds, "q": np.array([[1.0], [0.0]])})["l"].ravel()
    found = f"10,000 classes, none preferred: {blind:.6f}; ŷ = 0.8: {right:.6f} if y = 1, {wrong:.6f} if y = 0"
    return _close([blind, right, wrong], [math.log(10_000), -math.log(0.8), -math.log(0.2)]), found


# --- training -----------------------------------------------------------------------------------------------------


def _clipping() -> tuple[bool, str]:
    g = {"w": np.array([3.0]), "v": np.array([4.0])}

    def both(values: Any) -> Any:
        return np.concatenate([values["w"], values["v"]])

    (two, five), (one, seven), cut = clip_by_norm(g, 1.0), clip_by_norm(g, 1.0, 1), clip_by_value(g, 1.0)
    found = f"g = [3, 4]: by ‖g‖₂ = {five:g} {shown(both(two))}, by ‖g‖₁ = {seven:g} {shown(both(one))}, "
    holds = _close(both(two), [0.6, 0.8]) and _close(both(one), [3 / 7, 4 / 7]) and _close(both(cut), [1, 1])
    return holds, found + f"by value {shown(both(cut))}, which turns it"


def descent(rate: float, steps: int = 5) -> list[float]:
    """θ on its way down L = 2θ² from θ = 1, where the gradient is 4θ."""
    values = {"w": np.array([1.0])}
    way = [1.0]
    for _ in range(steps):
        values = sgd(values, {"w": 4 * values["w"]}, rate)
        way.append(float(values["w"][0]))
    return way


def _descent() -> tuple[bool, str]:
    way = descent(0.1)
    return _close(way, 0.6 ** np.arange(6)), f"L = 2θ², η = 0.1: θ = {shown(way)}"


def _attention() -> tuple[bool, str]:
    parameters = {"U_a": np.eye(2), "W_a": np.eye(2), "v_a": np.ones(2)}
    h, s = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 1.0]]]), np.array([[[0.5, -0.5]]])
    values = evaluate(attention("additive"), parameters, {"h": h, "s": s})
    e, alpha, context = (values[name][0, 0] for name in ("e", "alpha", "context"))
    by_hand = np.tanh(h[:, 0] + s[0, 0]).sum(axis=1)
    weights = np.exp(by_hand) / np.exp(by_hand).sum()
    holds = _close(e, by_hand) and _close(alpha, weights) and _close(context, weights @ h[:, 0])
    positive = bool((alpha >= 0).all()) and _close(alpha.sum(), 1)
    found = f"e = {shown(e)}, α = {shown(alpha)}, Σα = {alpha.sum():g}, c = {shown(context)}"
    return holds and positive, found


NUMBERS = (
    Claim("sigmoid of 1 2 3", "σ([1, 2, 3]) is [0.2, 0.3, 0.1], or [0.2, 0.6, 0.3]", False,
          "larger inputs have larger values, and all three are above ½", _sigmoids),
    Claim("forget gate", "[4 5 6] is kept by f = 1, halved by f = .5 and removed by f = 0", True,
          "c_t = f ⊙ c_(t-1) where nothing is written", _forget_gate),
    Claim("gate sizes", "a gate for [h; x] of 3 + 4 rows has 21 weights, and 27 numbers in all", False,
          "21 weights and 3 biases: 24", _gate_sizes),
    Claim("lstm and gru", "an LSTM has more parameters than a GRU, which is cheaper", True,
          "as four to three, at every size", _three_to_four),
    Claim("embedding sizes", "10,000 words are described by 300 numbers each, or by 10", True,
          "a table of D · V parameters", _embedding_sizes),
    Claim("analogy", "boy is to girl as king is to queen: differences of −2 and about −2", True,
          "the second difference is −1.85", _differences),
    Claim("one-hot", "words of a vocabulary of five are vectors of four entries", False,
          "as many entries as there are words", _sentences),
    Claim("padding", "sentences of unequal length become rows like [1 2 3 0]", True,
          "with a mask that says where a sentence has ended", _padded_rows),
    Claim("sentence probability", "P(y₁, y₂, y₃) = P(y₁) P(y₂|y₁) P(y₃|y₁, y₂)", True,
          "with <EOS> the probabilities of all sentences add up to 1", _sentence_probability),
    Claim("sampling", "draw a word, feed it back, draw again where it is <UNK>", True,
          "until <EOS> is drawn", _sampling),
    Claim("losses", "cross-entropies: −Σᵢ yᵢ log ŷᵢ, and −y log ŷ − (1 − y) log(1 − ŷ)", True,
          "computed from logits, without a logarithm of 0", _losses),
    Claim("clipping", "gradients that are too large are divided by ‖g‖₁ or ‖g‖₂", True,
          "by the joint norm of all parameters, so that the direction stays", _clipping),
    Claim("descent", "θ ← θ − η ∂L/∂θ", True,
          "each step multiplies θ by 1 − 4η where L = 2θ²", _descent),
    Claim("attention weights", "α_ij = exp e_ij / Σ_k exp e_ik, not negative, with sum 1", True,
          "c_i = Σ_j α_ij h_j is a mean of what was seen", _attention),
)  # fmt: skip
