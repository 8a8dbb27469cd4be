"""What a reader is told of PyTorch's names: which matrices are the rows of its parameters, and what the two biases are.

Read next: `reports.grouping`.
"""

from __future__ import annotations

from derive.expr import Ref, Step
from derive.spelling import Symbol, compose, spell
from derive.system import System
from reports.anatomy import products
from reports.notation import SystemNames
from reports.torchnames import INPUT, STATE, TorchNames

ORDERS = (("i", "f", "g", "o"), ("r", "z", "n"))  # of the gates in the rows of weight_ih and weight_hh


def in_torch(names: SystemNames) -> str:
    """The names explained; empty in other notations."""
    if names.notation.base != "pytorch":
        return ""
    stacks = []
    for pairs in rows(names.system, names.torch):
        for word, side in (("ih", 0), ("hh", 1)):
            listed = r" \\ ".join(pair[side] for pair in pairs)
            name = rf"\mathrm{{weight}}_{{\mathrm{{{word}}}}}"
            stacks.append(rf"${name} = \begin{{bmatrix}} {listed} \end{{bmatrix}}$")
    text = (
        "Names are those of PyTorch: the first letter of a matrix is i for what comes in, or that of the state that is "
        "read, the second says what is computed."
    )
    if stacks:
        text += f" Its parameters hold these as rows, in this order: {', '.join(stacks)}."
    if names.torch.double:
        text += (
            " Where two biases are added, the equations determine only their sum: the gradient by the sum is the "
            "gradient by each of the two."
        )
    if not names.torch.is_torch:
        text += " PyTorch has no such layer: its names are used, and biases are as many as the equations have."
    return text


def rows(system: System, names: TorchNames) -> list[tuple[tuple[str, str], ...]]:
    """For each layer that has PyTorch's gates, blocks of (weight_ih, weight_hh) in PyTorch's order of rows."""
    known = {symbol for pieces in names.blocks.values() for symbol in pieces} | set(names.single.values())
    found = []
    for order in ORDERS:
        for name in system.states:
            marks = name.removeprefix(STATE)
            gates = [f"{letter}{marks}" for letter in order]
            if not name.startswith(STATE) or not {*gates} <= {*system.variables} or not _as_in_torch(system, gates):
                continue
            wanted = [(_weight(INPUT, gate), _weight(STATE, gate)) for gate in gates]
            if all(symbol in known for pair in wanted for symbol in pair):
                found.append(tuple((compose(i, ""), compose(h, "")) for i, h in wanted))
    return found


def _weight(letter: str, target: str) -> Symbol:
    symbol = spell(target)
    return Symbol("W", (letter, symbol.base, *symbol.marks))


def _as_in_torch(system: System, gates: list[str]) -> bool:
    """Whether gates of these names do what they do in PyTorch: f keeps c and i writes g; z keeps h."""
    inside = [
        {(f.name, isinstance(f.index, Step) and f.index.shift != 0) for f in product.operands if isinstance(f, Ref)}
        for equation in system.equations
        for product in products(equation.expr)
    ]
    keeps = any({(gates[1], False), (state, True)} <= names for names in inside for state in system.states)
    return keeps and (len(gates) == 3 or any({(gates[0], False), (gates[2], False)} <= names for names in inside))
