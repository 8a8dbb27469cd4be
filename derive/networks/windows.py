"""Windows: attention that sees only some steps of the memory.

A window is made of equations like everything else.  ``pos[t]`` counts the steps of the memory, so that ``pos[T]`` is
its length, of a padded sequence the true one (`derive.networks.masks` stops the count).  ``outside[u]`` is 1 for every
step that query u does not see; its score then gets −10⁹, and its weight is 0.

"fixed"        `size` steps, from step u on; the last window ends with the memory.  Σ over k = 1…T_x with T_x = 3: a
               memory of fewer steps than the window has none, and ``pos[3]`` is refused where it is run
"monotonic"    [p − D, p + D] around p = u, or around the last step where the memory is shorter: local-m
"predictive"   the same around p = T σ(v_pᵀ tanh(W_p s)), which is learned; weights are then multiplied by
               exp(−(t − p)² / 2σ²) with σ = D / 2, and sum to less than 1: local-p.  The edges of the window jump as p
               moves, so the gradient reaches p through the exponential alone

Local attention, D, local-m and local-p: Luong, Pham & Manning 2015, arXiv 1508.04025, section 3.2; steps of the window
beyond the ends of the memory are left out there too.

Read next: `derive.networks.attention`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from derive.errors import EquationError

KINDS = ("fixed", "monotonic", "predictive")
COUNTED = "pos[t] = pos[t-1] + 1\npos[0] = 0\n"
NOW = "now[u] = now[u-1] + 1\nnow[0] = 0\n"
OUTSIDE = "step(abs(pos[:].T - centre[u]) - {size})"
LINES = {
    "fixed": f"{COUNTED}{NOW}first[u] = min(now[u], pos[T] - pos[{{size}}] + 1)\n"
    "outside[u] = step(abs(pos[:].T - first[u] - {last}/2) - {last}/2)\n",
    "monotonic": f"{COUNTED}{NOW}centre[u] = min(now[u], pos[T])\noutside[u] = {OUTSIDE}\n",
    "predictive": f"{COUNTED}W_p : P, {{query}}\nv_p : P\n"
    f"centre[u] = pos[T] * sigmoid(v_p.T @ tanh(W_p @ s[u]))\noutside[u] = stop({OUTSIDE})\n",
}


@dataclass(frozen=True)
class Window:
    """Which steps of the memory a query sees.

    Attributes:
        kind: "fixed", "monotonic" or "predictive", see the module.
        size: number of steps of a fixed window; else D, how many steps the window reaches to either side.

    Raises:
        EquationError: for an unknown kind, or a window of no steps.
    """

    kind: str
    size: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EquationError(f"window {self.kind!r} is unknown; there are {', '.join(KINDS)}")
        least = 0 if self.kind == "monotonic" else 1
        if self.size < least or self.size > 1000:
            raise EquationError(f"a {self.kind} window of size {self.size}: from {least} to 1000")

    def lines(self, query: str) -> str:
        """Equations of ``outside[u]``, T numbers; the query s[u] has `query` rows."""
        return LINES[self.kind].format(size=self.size, last=self.size - 1, query=query)

    @property
    def seen(self) -> tuple[str, str]:
        """Equations that make the weights from the scores e[u], and the name of what weighs the memory."""
        alpha = "alpha[u] = softmax(e[u] - 1000000000 * outside[u])\n"
        if self.kind != "predictive":
            return alpha, "alpha"
        near = f"exp({Fraction(-2, self.size**2)} * (pos[:].T - centre[u])**2)"
        return f"{alpha}weight[u] = alpha[u] * {near}\n", "weight"
