"""Which recurrent layer a system is, found by structure and not by names.

Few patterns suffice: Elman, LSTM (with diagonal peepholes, or a projection), GRU (reset before or after the product).
The polarity of a GRU's gate is no difference: 1 − σ(a) = σ(−a), its weights change sign.

Read next: `derive.conventions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from derive.entrywise import LIN, Affine, Algebra, NoLayer, activation, affine, is_function
from derive.order import Component
from derive.system import System


@dataclass(frozen=True)
class Layer:
    """A recurrent layer.

    Attributes:
        kind: "rnn", "lstm", "gru-before" or "gru-after".
        units: H, the size of its state.
        inputs: D, the size of all it reads.
        bias: whether its gates have biases.
        peepholes: whether its gates see the cell state through diagonal matrices.
        activations: of the gates and of the candidate (for an LSTM, of the cell as well).
        projection: P, if the recurrence reads P numbers that a matrix makes of the H of an LSTM; else None.
    """

    kind: str
    units: sympy.Expr
    inputs: sympy.Expr
    bias: bool
    peepholes: bool = False
    activations: tuple[str, ...] = ()
    projection: sympy.Expr | None = None

    @property
    def recurrent(self) -> sympy.Expr:
        """What the recurrence reads: H numbers, or P."""
        return self.units if self.projection is None else self.projection

    @property
    def gates(self) -> int:
        """Blocks of weights, the candidate included."""
        return {"rnn": 1, "lstm": 4}.get(self.kind, 3)


class Cell:
    """One recurrence, to be matched with the patterns.

    Attributes:
        gates: after `layer`, what each gate adds up; "h" of an RNN, f, i, o and g of an LSTM, z, r and n of a GRU.
        inside: biases of n that its reset gate multiplies.
        keeps: whether z multiplies the old state of a GRU, and not the candidate.
        output: the state that the layer above reads.
        projection: the matrix that makes the output, if there is one.
    """

    def __init__(self, system: System, component: Component) -> None:
        self.system, self.states, self.axis = system, component.carried, component.axis
        names = [equation.name for equation in component.equations]
        self.algebra = Algebra(system, names, self.states)
        self.used: list[str] = []
        shift = -component.direction
        self.before = {n: sympy.Symbol(f"{n}[{component.axis}{shift:+d}]") for n in self.states}
        self.now = {n: sympy.Symbol(f"{n}[{component.axis}]") for n in self.states}
        self.sources: set[frozenset[sympy.Expr]] = set()
        self.gates: dict[str, Affine] = {}
        self.inside: tuple[str, ...] = ()
        self.keeps = True
        self.output, self.projection = self.states[0], ""

    def layer(self) -> Layer:
        """The layer that this is.

        Raises:
            NoLayer: if it is none.
        """
        if len(self.states) == 2:
            return self._lstm()
        if len(self.states) != 1:
            raise NoLayer("a layer has one or two states")
        (state,) = self.states
        step = self.algebra.definition(state)
        return self._rnn(state, step) if is_function(step) else self._gru(state, step)

    def _rnn(self, state: str, step: sympy.Expr) -> Layer:
        self.gates = {"h": self._gate(step.args[0], self.before[state])}
        return self._finish("rnn", state, (activation(step),))

    def _lstm(self) -> Layer:
        for hidden, cell in (self.states, self.states[::-1]):
            out, memory = self.algebra.definition(hidden), self.algebra.definition(cell)
            projection, out = (str(out.args[0]), out.args[1]) if out.func == LIN else ("", out)
            factors = [f for f in out.args if is_function(f)] if out.is_Mul and len(out.args) == 2 else []
            seen = [f for f in factors if f.args == (self.now[cell],)]
            if len(factors) == 2 and len(seen) == 1:
                (gate,) = (f for f in factors if f is not seen[0])
                self.output, self.projection = hidden, projection
                return self._memory(hidden, cell, gate, seen[0], memory)
        raise NoLayer("no output o * tanh(c)")

    def _memory(self, hidden: str, cell: str, o: sympy.Expr, squashed: sympy.Expr, memory: sympy.Expr) -> Layer:
        terms = sympy.Add.make_args(memory)
        kept = [term for term in terms if term.is_Mul and self.before[cell] in term.args]
        written = [term for term in terms if term not in kept]
        if len(terms) != 2 or len(kept) != 1 or not all(term.is_Mul and len(term.args) == 2 for term in terms):
            raise NoLayer("no memory f * c + i * g")
        (f,) = (factor for factor in kept[0].args if factor != self.before[cell])
        if not all(map(is_function, (f, *written[0].args))):
            raise NoLayer("no memory f * c + i * g")
        i, g = sorted(written[0].args, key=lambda factor: activation(factor) != activation(f))
        if not (activation(i) == activation(f) == activation(o)):
            raise NoLayer("gates with different activations")
        new, old = self.now[cell], self.before[cell]
        read = {"f": (f, old), "i": (i, old), "o": (o, new)}
        self.gates = {k: self._gate(gate.args[0], self.before[hidden], seen) for k, (gate, seen) in read.items()}
        peepholes = {bool(gate.diagonals) for gate in self.gates.values()}
        if len(peepholes) != 1:
            raise NoLayer("peepholes in some gates only")
        self.gates["g"] = self._gate(g.args[0], self.before[hidden])
        activations = (activation(f), activation(g), activation(squashed))
        return self._finish("lstm", cell, activations, peepholes=peepholes.pop())

    def _gru(self, state: str, step: sympy.Expr) -> Layer:
        h = self.before[state]
        tops = {f for term in sympy.Add.make_args(step) for f in sympy.Mul.make_args(term) if is_function(f)}
        if len(tops) != 2:
            raise NoLayer("no interpolation z * n + (1 - z) * h")
        for z, n in (tuple(sorted(tops, key=str)), tuple(sorted(tops, key=str, reverse=True))):
            rest = [sympy.expand(step - a * z - b * (1 - z)) for a, b in ((n, h), (h, n))]
            if 0 in rest:
                self.keeps = rest[1] == 0
                return self._candidate(state, z, n)
        raise NoLayer("no interpolation z * n + (1 - z) * h")

    def _candidate(self, state: str, z: sympy.Expr, n: sympy.Expr) -> Layer:
        h = self.before[state]
        terms = sympy.Add.make_args(n.args[0])
        outer = {f for term in terms if term.is_Mul for f in term.args if is_function(f)}
        inner = {
            f
            for lin in n.args[0].find(LIN)
            for f in sympy.Mul.make_args(lin.args[1])
            if is_function(f) and lin in terms
        }
        if len(outer | inner) != 1 or len(outer) == len(inner):
            raise NoLayer("no reset gate")
        (r,) = outer | inner
        if activation(r) != activation(z):
            raise NoLayer("gates with different activations")
        self.gates = {"z": self._gate(z.args[0], h), "r": self._gate(r.args[0], h)}
        if inner:
            self.gates["n"] = self._gate(n.args[0], r * h)
        else:
            reset = affine(sympy.Add(*(term / r for term in terms if term.is_Mul and r in term.args)))
            rest = affine(sympy.Add(*(term for term in terms if not (term.is_Mul and r in term.args))))
            if [v for _, v in reset.products] != [h]:
                raise NoLayer("the reset gate multiplies more than U h + b")
            joined = Affine(
                reset.products + rest.products, reset.diagonals + rest.diagonals, reset.biases + rest.biases
            )
            self.inside = reset.biases
            self.gates["n"] = self._checked(joined, h, None)
        return self._finish("gru-before" if inner else "gru-after", state, (activation(z), activation(n)))

    def _gate(self, argument: sympy.Expr, state: sympy.Expr, peephole: sympy.Symbol | None = None) -> Affine:
        return self._checked(affine(argument), state, peephole)

    def _checked(self, gate: Affine, state: sympy.Expr, peephole: sympy.Symbol | None) -> Affine:
        """A gate reads the state once, the inputs once each, and the cell through one diagonal at most."""
        vectors = [v for _, v in gate.products]
        sources = [v for v in vectors if v != state]
        if vectors.count(state) != 1 or len(set(sources)) != len(sources) or not all(s.is_Symbol for s in sources):
            raise NoLayer("a gate does not read the state once and the inputs once")
        if any(not self._is_input(symbol.name) for symbol in sources):
            raise NoLayer("a gate reads more than its state and the inputs of the step")
        if len(gate.diagonals) > 1 or any(v != peephole for _, v in gate.diagonals):
            raise NoLayer("a gate has another peephole")
        self.sources.add(frozenset(sources))
        self.used += gate.weights
        return gate

    def _is_input(self, text: str) -> bool:
        name, _, index = text.partition("[")
        return index == f"{self.axis}]" and name not in self.algebra.within

    def _finish(self, kind: str, state: str, activations: tuple[str, ...], *, peepholes: bool = False) -> Layer:
        biases = {bool(gate.biases) for gate in self.gates.values()}
        if len(self.sources) != 1 or len(biases) != 1:
            raise NoLayer("gates differ in their inputs or biases")
        (sources,) = self.sources
        sizes = [self._size(source) for source in sorted(sources, key=str)]
        units, projected = self.system.variables[state].shape[0], None
        if self.projection:
            self.used.append(self.projection)
            projected = self.system.variables[self.output].shape[0]
        return Layer(kind, units, sympy.Add(*sizes), biases.pop(), peepholes, activations, projected)

    def _size(self, source: sympy.Symbol) -> sympy.Expr:
        return self.system.variables[source.name.partition("[")[0]].shape[0]
