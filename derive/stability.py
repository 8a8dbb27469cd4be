"""Vanishing and exploding gradients: what the equations of a recurrence say about its state Jacobian.

∂s_t/∂s_{t−k} is a product of k state Jacobians, so with ‖∂s_t/∂s_{t−1}‖ ≤ γ‖U‖ it is at most (γ‖U‖)^k: ‖U‖ < 1/γ
suffices for it to vanish, and is false wherever it explodes (Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063, section
2.1; γ is 1 for tanh, ¼ for σ).  The norm is the spectral norm: a spectral radius below 1 bounds no single step.  Gates
add direct paths, diag(f) or diag(1 − z), on which no matrix multiplies.

A network has a `Recurrence` for every layer and direction of it.

Read next: `numeric.stability`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sympy

from derive.bounds import Bound, product_bound
from derive.factors import Product, compose, merged, product_text
from derive.jacobian import LIMIT, Block, Jacobian, jacobian, moved
from derive.operands import name_operands
from derive.order import Component
from derive.system import System


@dataclass(frozen=True)
class DirectPath:
    """A diagonal term of ∂s[t]/∂s[t−lag]: along it a gradient is multiplied entry by entry.

    Attributes:
        state: the quantity that reaches itself.
        lag: in steps; negative for what runs backward in time.
        step: its factors over one step; none if a gradient is passed on unchanged.
    """

    state: str
    lag: int
    step: Product

    def over(self, times: int, system: System) -> Product:
        """The product over several of its steps: ``diag(f[t] * f[t-1])``."""
        total: Product = ()
        for number in range(times):
            joined = compose(total, moved(self.step, -self.lag * number), system.shape_of)
            assert joined is not None  # diagonal matrices
            total = joined
        return total

    def __str__(self) -> str:
        return f"{self.state}: {product_text(self.step)}"


@dataclass(frozen=True)
class Condition:
    """What a bound says about many steps.

    Attributes:
        claim: "vanishes if" (sufficient) or "explodes only if" (necessary).
        left: what is compared, as text.
        relation: "<" or ">".
        right: a number.
        attainable: False if a direct path alone makes the left side as large as the right.
    """

    claim: str
    left: str
    relation: str
    right: sympy.Expr
    attainable: bool = True

    def __str__(self) -> str:
        note = "" if self.attainable else " (never by this bound: a direct path alone counts 1)"
        return f"{self.claim} {self.left} {self.relation} {self.right}{note}"


@dataclass(frozen=True)
class Recurrence:
    """One recurrence of a system.

    Attributes:
        system: the primal with named operands.
        states: what it carries from step to step.
        axis: of time.
        direction: +1 forward in time, −1 backward.
        jacobian: ∂states/∂states by blocks, terms that differ in a diagonal factor alone added up.
    """

    system: System
    states: tuple[str, ...]
    axis: str
    direction: int
    jacobian: Jacobian

    @property
    def lag(self) -> int:
        """The longest lag, in steps."""
        return max(abs(lag) for _, _, lag in self.jacobian.all_lags)

    @cached_property
    def bounds(self) -> Mapping[tuple[str, str, int], tuple[Bound, ...]]:
        """A bound for the norm of every block, term by term; to be added."""
        return {
            key: tuple(product_bound(term, self.system) for term in block.terms)
            for key, block in self.jacobian.all_lags.items()
        }

    @property
    def direct(self) -> tuple[DirectPath, ...]:
        """The diagonal terms from a state to itself."""
        found = self.jacobian.all_lags.items()
        return tuple(DirectPath(of, lag, term) for (of, wrt, lag), b in found if of == wrt for term in b.direct)

    @property
    def terms(self) -> tuple[Bound, ...]:
        """The bounds of all terms of all blocks."""
        return tuple(bound for bounds in self.bounds.values() for bound in bounds)

    @property
    def step_bound(self) -> str:
        """The bound for one step as text: ``1/4 ‖U‖``; β for a sum, ‖B‖ for the matrix of the bounds of blocks."""
        if len(self.terms) == 1:
            return str(self.terms[0])
        return "β" if len(self.states) == 1 else "‖B‖"

    @property
    def lag_bound(self) -> str:
        """The bound over k steps as text.

        With a lag of 2 there are between ⌈k/2⌉ and k steps to it; fewer count more where the bound is below 1.
        """
        bound = self.step_bound
        plain = len(self.terms) > 1 or (self.terms[0].number == 1 and len(self.terms[0].norms) == 1)
        base = bound if plain else f"({bound})"
        if self.lag == 1:
            return f"{base}^k"
        if len(self.states) > 1:
            return "‖C^k‖, C the companion matrix of B at every lag"
        return f"{base}^⌈k/{self.lag}⌉ if {bound} ≤ 1, else {base}^k"

    @property
    def conditions(self) -> tuple[Condition, Condition]:
        """When the gradient vanishes, for which the first suffices, and when it explodes, which needs the second.

        One norm alone is solved for: ‖U‖ < 4 for a sigmoid.
        """
        terms = self.terms
        stuck = any(not bound.norms and bound.number >= 1 for key, b in self._diagonal() for bound in b)
        left, right = self.step_bound, sympy.Integer(1)
        if len(terms) == 1 and terms[0].norms:
            left, right = str(Bound(sympy.Integer(1), terms[0].norms)), 1 / terms[0].number
        return (
            Condition("vanishes if", left, "<", right, attainable=not stuck),
            Condition("explodes only if", left, ">", right),
        )

    def _diagonal(self) -> list[tuple[tuple[str, str, int], tuple[Bound, ...]]]:
        return [(key, bounds) for key, bounds in self.bounds.items() if key[0] == key[1]]

    @property
    def product(self) -> str:
        """The derivative over k steps as a product of state Jacobians, as text."""
        t, sign = self.axis, "-" if self.direction > 0 else "+"
        state, named = self.states[0], ""
        if len(self.states) > 1:
            state, named = "s", f", s = [{'; '.join(self.states)}]"
        if self.lag > 1:
            first, last = f"{t}{sign}j", f"{t}{sign}j{sign}{self.lag - 1}"
            state, named = "s", f", s[{first}] = [{'; '.join(self.states)} of steps {first} … {last}]"
        factor = f"∂{state}[{t}{sign}j]/∂{state}[{t}{sign}j{sign}1]"
        return f"∂{state}[{t}]/∂{state}[{t}{sign}k] = Π_(j=0…k-1) {factor}{named}"

    def over(self, steps: int) -> Mapping[tuple[str, str], Block]:
        """∂s[t]/∂s[t−steps] written out: sums of products, by (of, wrt); earlier states are held fixed.

        Raises:
            ValueError: if a block would have more than `derive.jacobian.LIMIT` terms.
        """
        total: dict[int, dict[tuple[str, str], list[Product]]] = {0: {(s, s): [()] for s in self.states}}
        for k in range(1, steps + 1):
            total[k] = {}
            for (of, between, lag), block in self.jacobian.all_lags.items():
                for (source, wrt), inner in total.get(k - abs(lag), {}).items():
                    if source == between:
                        found = total[k].setdefault((of, wrt), [])
                        number = len(found) + len(block.terms) * len(inner)
                        if number > LIMIT:
                            raise ValueError(f"a block over {k} steps has {number} terms, at most {LIMIT} are written")
                        found += self._chained(block.terms, inner, lag)
        far = steps * self.direction
        return {(of, wrt): Block(of, wrt, far, tuple(terms)) for (of, wrt), terms in total[steps].items()}

    def _chained(self, later: Sequence[Product], earlier: Sequence[Product], lag: int) -> list[Product]:
        pairs = ((first, moved(then, -lag)) for first in later for then in earlier)
        products = (compose(first, then, self.system.shape_of) for first, then in pairs)
        return [product for product in products if product is not None]

    def __str__(self) -> str:
        way = "forward" if self.direction > 0 else "backward"
        lines = [f"{', '.join(self.states)}: {way} in time along {self.axis}", "state Jacobian"]
        lines += [f"  {_left(block, self.axis)} = {block}" for block in self.jacobian.all_lags.values()]
        lines += ["product over lags", f"  {self.product}", "bounds in the spectral norm"]
        for key, bounds in self.bounds.items():
            block = self.jacobian.all_lags[key]
            lines.append(f"  ‖{_left(block, self.axis)}‖ ≤ {' + '.join(map(str, bounds))}")
        if len(self.terms) > 1:
            lines.append(f"  {'β is the sum' if len(self.states) == 1 else 'B is the matrix'} of these bounds")
        lines.append(f"  over k steps ≤ {self.lag_bound}")
        lines += [f"  {condition}" for condition in self.conditions]
        lines += ["direct paths", *(f"  {path}" for path in self.direct)] if self.direct else []
        return columns("\n".join(lines))


@dataclass(frozen=True)
class Stability:
    """The recurrences of a system.

    Attributes:
        name: of the system.
        recurrences: in an order in which they can be computed.
        refused: states whose Jacobian is no product of matrices, with the reason.
    """

    name: str
    recurrences: tuple[Recurrence, ...]
    refused: tuple[tuple[tuple[str, ...], str], ...] = ()

    def __str__(self) -> str:
        parts = [str(recurrence) for recurrence in self.recurrences]
        parts += [f"{', '.join(states)}: not written out, {reason}" for states, reason in self.refused]
        return "\n\n".join(parts)


def stability(system: System) -> Stability:
    """What the equations of a system say about its gradients over many steps.

    Args:
        system: any system; of a deep, bidirectional or encoder–decoder network every recurrence is seen by itself.

    Raises:
        ValueError: one line, if nothing is recurrent, or a state is a matrix.
    """
    primal = name_operands(system)
    found: list[Recurrence] = []
    refused: list[tuple[tuple[str, ...], str]] = []
    for component in system.components:
        if component.direction and component.axis is not None:
            states = _states(system, component)
            try:
                blocks = jacobian(system, states, states)
            except ValueError as reason:
                refused.append((states, str(reason)))
                continue
            short = {
                key: replace(b, terms=tuple(merged(b.terms, primal.shape_of))) for key, b in blocks.all_lags.items()
            }
            blocks = replace(blocks, all_lags=short)
            found.append(Recurrence(primal, states, component.axis, component.direction, blocks))
    if not found:
        raise ValueError(refused[0][1] if refused else f"{system.name} has no recurrence")
    return Stability(system.name, tuple(found), tuple(refused))


def _states(system: System, component: Component) -> tuple[str, ...]:
    """What the recurrence carries, outputs first as `System.states` has them."""
    return tuple(name for name in system.states if name in component.carried)


def _left(block: Block, axis: str) -> str:
    lag = f"{-block.lag:+d}"
    return f"∂{block.of}[{axis}]/∂{block.wrt}[{axis}{lag}]"


def columns(text: str) -> str:
    """The columns of W that multiply h, ``rows(W.T, 0:H).T`` in the language, as NumPy writes them: ``W[:, 0:H]``."""
    return re.sub(r"\brows\((\w+)\.T, ([^(),]*)\)\.T", r"\1[:, \2]", text)
