"""Conventions drawn at random: right code of a common cell, in arrays as somebody might keep them.

A `Convention` is what people choose; `dump` computes the forward pass in it with autograd's NumPy, and lets autograd
differentiate that.  No layout of the toolkit is used.  ``python -m tests.numeric.check.drawn 0 200`` tries seeds.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad

from numeric.check.arrays import check_arrays

GATES = {"rnn": "h", "rnn-relu": "h", "lstm": "ifgo", "lstm-peephole": "ifgo", "gru": "zrn", "gru-reset-after": "zrn"}
NAMES = [("W", "U", "b"), ("Wx", "Wh", "b"), ("W_i", "W_h", "bias_"), ("kernel", "recurrent_kernel", "bias")]
CANDIDATES = {"g": "gcaz", "n": "nhcg"}
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Convention:
    """What an author chose; sizes too, of which some may be equal."""

    cell: str
    named: bool  # whether the check is told the cell
    sizes: tuple[int, int, int, int, int]  # steps, examples, inputs, units, classes
    order: str  # of the gates
    names: tuple[str, str, str]
    letters: tuple[tuple[str, str], ...]
    stacked: bool
    joined: str  # "hx", "xh", or "" for weights of their own
    bias: str  # "none", "one", "two", or "first" and "last" row of joined weights
    bias_shape: str  # "flat", "row" or "column"
    rows: bool  # whether vectors are rows
    axes: str  # of a sequence
    squeezed: bool  # whether one example has no axis
    initial: bool
    keeps: bool  # whether a GRU's z keeps the state
    head: str  # "", "softmax", "squared" or "binary"
    at_end: bool  # whether the read-out is of the last step
    classes_in: bool  # whether inputs are integers
    output: str  # "h", "last", "both", "read"
    mean: bool

    @classmethod
    def drawn(cls, seed: int) -> "Convention":
        rng = np.random.default_rng(seed)

        def pick(*choices: Any) -> Any:
            return choices[rng.integers(len(choices))]

        cell = pick(*GATES)
        steps, batch, width, units = int(rng.integers(3, 8)), pick(1, 2, 3, 4), *map(int, rng.integers(2, 6, 2))
        units = pick(units, units, width)
        stacked = len(GATES[cell]) > 1 and pick(True, False)
        may_join = cell != "gru-reset-after" and not (cell == "gru" and stacked)
        joined = pick("hx", "xh", "", "") if may_join else ""
        head = pick("", "", "softmax", "squared", "binary")
        return cls(
            cell=cell,
            named=pick(True, True, False),
            sizes=(steps, batch, width, units, 1 if head == "binary" else pick(2, 3, 5)),
            order="".join(rng.permutation(list(GATES[cell]))),
            names=pick(*NAMES),
            letters=tuple((gate, pick(*some)) for gate, some in CANDIDATES.items()),
            stacked=stacked,
            joined=joined,
            bias=pick("one", "one", "none", "first", "last") if joined else pick("one", "one", "none", "two"),
            bias_shape=pick("flat", "row", "column"),
            rows=pick(True, False),
            axes=pick("TBD", "TBD", "BTD", "DBT", "TDB", "DTB", "BDT"),
            squeezed=batch == 1 and pick(True, False),
            initial=pick(True, False),
            keeps=pick(True, False),
            head=head,
            at_end=pick(True, False),
            classes_in=head == "softmax" and pick(True, False),
            output=pick("h", "h", "read") if head else pick("h", "h", "last", "both"),
            mean=pick(True, False),
        )


def sigmoid(z: Any) -> Any:
    return 1 / (1 + anp.exp(-z))


def dump(how: Convention, seed: int = 0) -> Arrays:
    """Arrays by key, with right gradients."""
    rng = np.random.default_rng(seed)
    steps, batch, width, units, classes = how.sizes
    values: Arrays = {}

    def put(name: str, *shape: int) -> None:
        values[name] = 0.6 * rng.standard_normal(shape)

    def put_bias(name: str, size: int) -> None:
        put(name, *{"flat": (size,), "row": (1, size), "column": (size, 1)}[how.bias_shape])

    groups = [how.order] if how.stacked else list(how.order)
    tags = {
        group: "" if len(how.order) == 1 or how.stacked else dict(how.letters).get(group, group) for group in groups
    }
    weight, recurrent, bias = how.names
    for group, tag in tags.items():
        ins = (
            {weight: width + units + (how.bias in ("first", "last"))}
            if how.joined
            else {weight: width, recurrent: units}
        )
        for name, size in ins.items():
            put(name + tag, *((size, units * len(group)) if how.rows else (units * len(group), size)))
        for name in {"one": [bias], "two": [bias, bias + "2"]}.get(how.bias, []):
            put_bias(name + tag, units * len(group))
    if how.cell == "lstm-peephole":
        for gate in "ifo":
            put(f"p{gate}", units)
    if how.head:
        put("Wy", *((units, classes) if how.rows else (classes, units)))
        put_bias("by", classes)
    for state in ("h", "c") if how.cell.startswith("lstm") and how.initial else ("h",) if how.initial else ():
        put(f"{state}0", batch, units)
    words = rng.integers(0, width, (steps, batch))
    if not how.classes_in:
        values["x"] = rng.standard_normal((steps, batch, width))
    goal = Goal.drawn(how, rng)

    def product(p: Arrays, name: str, v: Any) -> Any:
        return v @ (p[name] if how.rows else p[name].T)

    def gate(p: Arrays, letter: str, x: Any, h: Any) -> tuple[Any, Any]:
        """What the input and the recurrent product, with their biases, send to a gate."""
        group = next(group for group in groups if letter in group)
        here = slice(group.index(letter) * units, (group.index(letter) + 1) * units)
        first, second = (
            anp.reshape(p[name + tags[group]], (1, -1))[:, here] if name + tags[group] in p else 0.0
            for name in (bias, bias + "2")
        )
        if not how.joined:
            return (
                product(p, weight + tags[group], x)[:, here] + first,
                product(p, recurrent + tags[group], h)[:, here] + second,
            )
        parts = {"hx": [h, x], "xh": [x, h]}[how.joined]
        ones = [np.ones((batch, 1))]
        parts = ones + parts if how.bias == "first" else parts + ones if how.bias == "last" else parts
        return product(p, weight + tags[group], anp.concatenate(parts, 1))[:, here] + first, 0.0

    def run(p: Arrays) -> tuple[Any, Any, Any]:
        """All states (T, B, H), what is read out of them, and the loss."""
        h, c = p.get("h0", np.zeros((batch, units))), p.get("c0", np.zeros((batch, units)))
        inputs = np.eye(width)[words] if how.classes_in else p["x"]
        states, read = [], []
        for t in range(steps):
            h, c = _step(how, p, lambda letter, h, t=t: gate(p, letter, inputs[t], h), h, c)  # type: ignore[misc]
            states.append(h)
            if how.head and (not how.at_end or t == steps - 1):
                read.append(product(p, "Wy", h) + anp.reshape(p["by"], (1, -1)))
        return anp.stack(states), read, goal.loss(how, anp.stack(states), read)

    gradients = grad(lambda p: run(p)[2])(values)
    found = goal.keys(how, *run(values)) | ({"input/x": laid_index(how, words)} if how.classes_in else {})
    for name, value in values.items():
        lay = sequence if name == "x" else vector if name in ("h0", "c0") else lambda how, array: array
        kind = "input" if name == "x" else "initial" if name in ("h0", "c0") else "param"
        found |= {f"{kind}/{name}": lay(how, value), f"grad/{name}": lay(how, gradients[name])}
    return found


def _step(how: Convention, p: Arrays, gate: Callable[[str, Any], tuple[Any, Any]], h: Any, c: Any) -> tuple[Any, Any]:
    if how.cell.startswith("rnn"):
        z = sum(gate("h", h))
        return (anp.maximum(z, 0) if how.cell == "rnn-relu" else anp.tanh(z)), c
    if how.cell.startswith("lstm"):
        z = {letter: sum(gate(letter, h)) for letter in "ifgo"}
        before = {letter: p.get(f"p{letter}", 0.0) * c for letter in "if"}
        c = sigmoid(z["f"] + before["f"]) * c + sigmoid(z["i"] + before["i"]) * anp.tanh(z["g"])
        return sigmoid(z["o"] + p.get("po", 0.0) * c) * anp.tanh(c), c
    update, reset = sigmoid(sum(gate("z", h))), sigmoid(sum(gate("r", h)))
    from_x, from_h = gate("n", h if how.cell == "gru-reset-after" else reset * h)
    n = anp.tanh(from_x + (reset * from_h if how.cell == "gru-reset-after" else from_h))
    return (update * h + (1 - update) * n if how.keeps else (1 - update) * h + update * n), c


@dataclass(frozen=True)
class Goal:
    """What is differentiated: a loss of a read-out and its target, or upstream gradients of states."""

    target: Any
    every: Any  # upstream gradients of all states
    last: Any  # and of the last

    @classmethod
    def drawn(cls, how: Convention, rng: np.random.Generator) -> "Goal":
        steps, batch, _, units, classes = how.sizes
        draw = {
            "softmax": lambda: rng.integers(0, classes, (steps, batch)),
            "binary": lambda: rng.integers(0, 2, (steps, batch)),
        }
        target = draw.get(how.head, lambda: rng.standard_normal((steps, batch, classes)))()
        every, last = rng.standard_normal((steps, batch, units)), rng.standard_normal((batch, units))
        return cls(target[-1:] if how.at_end else target, every * (how.output != "last"), last * (how.output != "h"))

    def loss(self, how: Convention, states: Any, read: Any) -> Any:
        if not how.head:
            return anp.sum(states * self.every) + anp.sum(states[-1] * self.last)
        y, share = anp.stack(read), 1 / how.sizes[1] if how.mean else 1.0
        if how.head == "softmax":
            chosen = anp.sum(y * np.eye(how.sizes[4])[self.target], -1)
            return share * anp.sum(anp.log(anp.sum(anp.exp(y), -1)) - chosen)
        if how.head == "squared":
            return share * anp.sum((y - self.target) ** 2) / 2
        return share * anp.sum(anp.log(1 + anp.exp(y[..., 0])) - self.target * y[..., 0])

    def keys(self, how: Convention, states: Any, read: Any, loss: Any) -> Arrays:
        if not how.head:
            found: Arrays = {}
            if how.output != "last":
                found |= {"output/h": sequence(how, states), "cotangent/h": sequence(how, self.every)}
            if how.output != "h":
                found |= {"output/h_last": vector(how, states[-1]), "cotangent/h_last": vector(how, self.last)}
            return found
        y = np.stack(read)
        y = sigmoid(y) if how.head == "binary" else y
        of_y = vector(how, y[0]) if how.at_end else sequence(how, y)
        found = {"loss": loss, **({"output/y": of_y} if how.output == "read" else {"output/h": sequence(how, states)})}
        if how.head == "squared":
            return found | {"target/t": vector(how, self.target[0]) if how.at_end else sequence(how, self.target)}
        return found | {"target/t": self.target[0] if how.at_end else laid_index(how, self.target)}


def sequence(how: Convention, array: Any) -> Any:
    """(T, B, n) in the author's axes."""
    moved = np.transpose(array, ["TBD".index(axis) for axis in how.axes])
    return np.squeeze(moved, how.axes.index("B")) if how.squeezed else moved


def vector(how: Convention, array: Any) -> Any:
    """(B, n) in the author's axes."""
    moved = np.transpose(array) if how.axes.index("D") < how.axes.index("B") else array
    return moved.reshape(-1) if how.squeezed else moved


def laid_index(how: Convention, array: Any) -> Any:
    """Integers (T, B) in the author's axes."""
    moved = array.T if how.axes.index("B") < how.axes.index("T") else array
    return moved.reshape(-1) if how.squeezed else moved


def main(first: int, end: int) -> None:
    """Try seeds; print the conventions that are not understood."""
    right = 0
    for seed in range(first, end):
        how = Convention.drawn(seed)
        start = time.process_time()
        verdict = check_arrays(dump(how, seed), cell=how.cell if how.named else None)
        right += verdict.verdict == "correct"
        if verdict.verdict != "correct" or time.process_time() - start > 10:
            print(
                seed,
                f"{time.process_time() - start:.1f} s",
                verdict.verdict,
                how,
                *verdict.notes,
                sep="\n  ",
                flush=True,
            )
    print(f"{right} of {end - first} are correct")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
