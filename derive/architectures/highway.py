"""Recurrent highway networks: L layers of a highway inside every step of time.

`recurrent_highway` writes the entry of any depth; the library has the depths 2 and 3.

Read next: `derive.architectures.timescales`.
"""

from derive.architectures.entry import Architecture, family


def recurrent_highway(depth: int) -> Architecture:
    """The recurrent highway network of a depth, with coupled gates (carry = 1 - t), 2HD + 2L(H² + H) parameters.

    ``derive.parse(recurrent_highway(5).text)`` is the system.

    Args:
        depth: L ≥ 1; the first layer reads x[t] and the last state, the others the layer below.

    Raises:
        ValueError: for a depth below 1.
    """
    if depth < 1:
        raise ValueError(f"a highway of depth {depth}: at least 1")
    state = [f"s{layer}[t]" for layer in range(1, depth)]
    lines = [
        f"# rhn-{depth}: recurrent highway network of depth {depth}",
        "# Zilly, Srivastava, Koutník & Schmidhuber 2017, arXiv 1607.03474, equations 6-9; coupled gates",
        "W_h1, W_t1 : H, D + H",
    ]
    if depth > 1:
        lines.append(", ".join(f"R_{gate}{k}" for k in range(2, depth + 1) for gate in "ht") + " : H, H")
    lines.append(", ".join(f"b_{gate}{k}" for k in range(1, depth + 1) for gate in "ht") + " : H")
    for k, (below, new) in enumerate(zip(["h[t-1]", *state], [*state, "h[t]"], strict=True), start=1):
        read = {g: f"W_{g}1 @ [h[t-1], x[t]]" if k == 1 else f"R_{g}{k} @ {below}" for g in "ht"}
        lines.append(f"g{k}[t] = sigmoid({read['t']} + b_t{k})")
        lines.append(f"{new} = tanh({read['h']} + b_h{k}) * g{k}[t] + {below} * (1 - g{k}[t])")
    return family("\n".join(lines))[0]


FAMILY = tuple(map(recurrent_highway, (2, 3)))
