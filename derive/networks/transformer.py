"""The encoder block of a transformer as one system (Vaswani et al. 2017, arXiv 1706.03762, section 3.1).

Attention, residual, layer norm, feed-forward, residual, layer norm: four systems, connected.  A block maps x[t]: D to
a result of the same size, so ``stack(transformer_block(heads=2), 6)`` is the encoder of the paper without its
positional encoding (which is an addition to x).

Read next: `derive.networks.seq2seq`.
"""

from __future__ import annotations

from derive.expr import plus
from derive.language import parse
from derive.networks.attention import self_attention
from derive.networks.connect import connect, met, now, only_input, only_output
from derive.networks.layers import defined
from derive.networks.rename import Names, only_axis, renamed
from derive.system import System


def residual(system: System, name: str = "z") -> System:
    """``z[t] = x[t] + y[t]``: the input added to the output, of one size then.  He et al. 2015, arXiv 1512.03385.

    Raises:
        EquationError: if the input and the output cannot have one size.
    """
    x, y = (now(system.variables[n]) for n in (only_input(system), only_output(system)))
    system, _, _ = met(system, {x.name: y}, {}, {x.name: f"{x.name} of {system.name}"})
    return defined(system, Names(system.variables).fresh(name), plus(x, y), only_axis(system))


def layer_norm(epsilon: str = "0.00001") -> System:
    """x[t]: D to n[t]: D with mean 0 and variance 1 over its entries, then scaled.

    Ba, Kiros & Hinton 2016, arXiv 1607.06450; ε inside the root, 10⁻⁵ as in PyTorch.
    """
    return parse(
        "x[t] : D\ngain : D\nshift : D\n"
        "size = reduce_to(broadcast_to(1, D, 1), 1, 1)\n"
        "mean[t] = reduce_to(x[t], 1, 1) / size\n"
        "variance[t] = reduce_to((x[t] - mean[t])**2, 1, 1) / size\n"
        f"n[t] = gain * (x[t] - mean[t]) / sqrt(variance[t] + {epsilon}) + shift",
        name="layer-norm",
    )


def feed_forward(function: str = "relu") -> System:
    """x[t]: D to f[t]: D through F hidden units."""
    return parse(
        f"x[t] : D\nW_1 : F, D\nb_1 : F\nW_2 : D, F\nb_2 : D\nf[t] = W_2 @ {function}(W_1 @ x[t] + b_1) + b_2",
        name="feed-forward",
    )


def transformer_block(heads: int = 1, *, causal: bool = False, function: str = "relu") -> System:
    """x[t]: D to n_2[t]: D, normalised after each residual, as in the paper.

    Args:
        heads: of the self-attention.
        causal: whether a constant mask M is added to the scores, see `derive.networks.attention.self_attention`.
        function: of the feed-forward layer.
    """
    attended = residual(self_attention(heads, causal=causal))
    first = _above(attended, layer_norm())
    fed = residual(feed_forward(function))
    fed = renamed(fed, {"z": "z_2"})
    second = _above(first, fed, output="n")
    return _above(second, layer_norm(), output="z_2").renamed(
        name="transformer-block", title="Transformer encoder block", source="Vaswani et al. 2017, arXiv 1706.03762"
    )


def _above(lower: System, upper: System, output: str = "z") -> System:
    return connect(upper, {only_input(upper): output}, lower)
