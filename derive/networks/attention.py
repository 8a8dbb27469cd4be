"""Attention: a weighted mean of what was seen, α ≥ 0 and Σ α = 1, with weights that a softmax computes from scores.

`attention` reads a memory h[t] (T columns) with a query s[u]::

    e[u] = tanh(U_a @ h[:] + W_a @ s[u]).T @ v_a  # a score for every t: e_ij = v_aᵀ tanh(W_a s_i + U_a h_j)
    alpha[u] = softmax(e[u])
    context[u] = h[:] @ alpha[u]

By default Σ over k = 1…T_x is over the whole memory; a `derive.networks.windows.Window` sees less.  `self_attention`
is the same with queries, keys and values from one sequence.  Vectors are columns here: column t of M holds the mask of
query t.

Read next: `derive.networks.transformer`.
"""

from __future__ import annotations

from derive.errors import EquationError
from derive.language import parse
from derive.networks.windows import Window
from derive.system import System

SCORES = {
    # Bahdanau, Cho & Bengio 2015, arXiv 1409.0473, appendix A.1.2; n' (n + 2n + 1) parameters
    "additive": ("U_a : A, H\nW_a : A, S\nv_a : A\n", "tanh(U_a @ h[:] + W_a @ s[u]).T @ v_a"),
    # Luong, Pham & Manning 2015, arXiv 1508.04025, equation 8
    "dot": ("", "h[:].T @ s[u]"),
    "general": ("W_a : H, S\n", "h[:].T @ W_a @ s[u]"),
    "concat": ("W_a : A, S + H\nv_a : A\n", "tanh(W_a @ [broadcast_to(s[u], S, T), h[:]]).T @ v_a"),
    # Vaswani et al. 2017, arXiv 1706.03762, equation 1
    "scaled": ("", "(h[:].T @ s[u]) / sqrt(width)"),
}


def attention(score: str = "additive", window: Window | None = None) -> System:
    """Attention as a system to connect: inputs h[t]: H (memory) and s[u]: S (query), output context[u]: H.

    Args:
        score: "additive" (Bahdanau), "dot", "general", "concat" (Luong), or "scaled" dot product (Vaswani).
        window: which steps of the memory are seen; default all.

    Returns:
        ``e[u]``: T scores, ``alpha[u]``: T weights, ``context[u]``: H.

    Raises:
        EquationError: for an unknown score.
    """
    if score not in SCORES:
        raise EquationError(f"attention {score!r} is unknown; there are {', '.join(SCORES)}")
    parameters, formula = SCORES[score]
    query = "H" if score in ("dot", "scaled") else "S"
    width = "width = reduce_to(broadcast_to(1, H, 1), 1, 1)\n" if score == "scaled" else ""  # H, as a number
    lines, (weights, weight) = "", ("alpha[u] = softmax(e[u])\n", "alpha")
    if window is not None:
        lines, (weights, weight) = window.lines(query), window.seen
    return parse(
        f"h[t] : H\ns[u] : {query}\n{parameters}{width}{lines}e[u] = {formula}\n"
        f"{weights}context[u] = h[:] @ {weight}[u]",
        name=f"attention-{score}",
    )


def self_attention(heads: int = 1, *, causal: bool = False, bias: bool = True) -> System:
    """Scaled dot-product self-attention: x[t]: D to y[t]: D, Vaswani et al. 2017, arXiv 1706.03762.

    Args:
        heads: each with queries, keys and values of K rows; 4 D (D + 1) parameters in all where K = D / heads, as in
            PyTorch's ``MultiheadAttention``.
        causal: add column t of the constant M: T, T to the scores of query t; 0 where a key may be seen, −∞ (or −10⁹)
            for later keys: ``numpy.where(keys > queries, -1e9, 0)``, keys down, queries across.
        bias: whether the projections have biases.

    Raises:
        EquationError: for no heads.
    """
    if heads < 1:
        raise EquationError(f"attention with {heads} heads: at least 1")
    mark = [f"_{head}" if heads > 1 else "" for head in range(1, heads + 1)]
    mask = " + unstack[t](M)" if causal else ""

    def plus(bias_name: str) -> str:
        return f" + {bias_name}" if bias else ""

    lines = ["x[t] : D", "const M : T, T"] if causal else ["x[t] : D"]
    lines += [f"W_{kind}{m} : K, D" for m in mark for kind in "qkv"]
    lines += [f"b_{kind}{m} : K" for m in mark for kind in "qkv" if bias]
    joint = f"{heads}*K" if heads > 1 else "K"
    lines += [f"W_y : D, {joint}", *(["b_y : D"] if bias else []), "width = reduce_to(broadcast_to(1, K, 1), 1, 1)"]
    for m in mark:
        lines += [f"{kind}{m}[t] = W_{kind}{m} @ x[t]{plus(f'b_{kind}{m}')}" for kind in "qkv"]
        lines += [
            f"alpha{m}[t] = softmax((k{m}[:].T @ q{m}[t]) / sqrt(width){mask})",
            f"r{m}[t] = v{m}[:] @ alpha{m}[t]",
        ]
    together = ", ".join(f"r{m}[t]" for m in mark)
    lines.append(f"y[t] = W_y @ {f'[{together}]' if heads > 1 else together}{plus('b_y')}")
    return parse("\n".join(lines), name="self-attention")
