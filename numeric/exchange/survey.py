"""What tensors are the weights of: kinds, sizes and directions of all layers, and the system that they belong to.

Shapes do not say everything.  Which nonlinearity an RNN has, and where a GRU without biases, or one of ONNX, resets, is
an option of the layer and no weight: ``cell`` says it, and without it the framework's default is meant.

Read next: `numeric.exchange.convert`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy

from derive.expr import Op, Ref, is_op
from derive.library import load as load_cell
from derive.networks.layers import bidirectional, stack
from derive.networks.rename import assembled, reverse
from derive.rewrite import rebuild
from derive.system import Equation, System
from numeric.exchange.fitting import Sizes, Unfit, fit
from numeric.exchange.layouts import BIASES, Framework
from numeric.exchange.names import Group
from numeric.exchange.places import places

CELLS = {"rnn": "rnn", "lstm": "lstm", "gru-after": "gru-reset-after", "gru-before": "gru-cho"}  # names of the library


@dataclass(frozen=True)
class Survey:
    """One layer in one direction.

    Attributes:
        group: its tensors.
        sizes: by kind of layer that they fit, the framework's default first.
    """

    group: Group
    sizes: dict[str, Sizes]

    @cached_property
    def kind(self) -> str:
        """The default of the kinds that fit."""
        return next(iter(self.sizes))


def survey(layout: Framework, groups: Sequence[Group]) -> list[Survey]:
    """The kinds and sizes of all layers.

    Raises:
        ValueError: for a layer that fits no form, or two that do not fit together.
    """
    found = []
    for group in groups:
        sizes, reasons = {}, {}
        for kind, form in layout.forms.items():
            try:
                sizes[kind] = fit(form, group)
            except Unfit as reason:
                reasons[kind] = str(reason)
        if not sizes:
            raise ValueError(_closest(layout, group, reasons))
        found.append(Survey(group, sizes))
    return found


def _closest(layout: Framework, group: Group, reasons: dict[str, str]) -> str:
    """Why a layer fits no form: the reason of the one whose recurrent matrix fits, else all that there are."""
    recurrent = {t.name for f in layout.forms.values() for t in f.tensors if "recurrent" in t.parts}
    names = [name for role, name in group.names.items() if role in recurrent]
    beyond = {k: r for k, r in reasons.items() if not any(r.startswith(f"{name} ") for name in names)}
    if beyond:
        return next(iter(beyond.values()))
    what = ", ".join(
        f"{name} has the shape {group.arrays[role].shape}" for role, name in group.names.items() if name in names
    )
    return f"{what}: this is no layer of {layout.name}, {', '.join(form.title for form in layout.forms.values())}"


def system_of_layers(layout: Framework, found: Sequence[Survey], cell: str | None) -> System:
    """The system to which layers belong, made of cells of the library; see `numeric.exchange.system_of`."""
    numbers = range(found[-1].group.number + 1)
    layers = [[one for one in found if one.group.number == number] for number in numbers]
    width: int | None = None
    for layer in layers:
        _check_layer(layout, layer, width)
        width = sum(one.sizes[one.kind]["R"] for one in layer)
    parts = []
    for layer in layers:
        part = _cell(layout, layer, cell)
        parts.append(part if len(layer) == 1 else bidirectional(part))
    sizes = {(layer[0].sizes[layer[0].kind]["H"], layer[0].sizes[layer[0].kind]["R"]) for layer in layers}
    if len(parts) == 1:
        return parts[0]
    same = len(sizes) == 1 and all(part == parts[0] for part in parts)
    return stack(parts[0], len(parts)) if same else stack(parts)


def _check_layer(layout: Framework, layer: Sequence[Survey], width: int | None) -> None:
    """Both halves are alike, and read what the layer below puts out."""
    first = layer[0]
    role, name = _input(layout, first)
    shape = first.group.arrays[role].shape
    for other in layer[1:]:
        if other.sizes != first.sizes:
            _, second = _input(layout, other)
            raise ValueError(
                f"{name} has the shape {shape} and {second} {other.group.arrays[role].shape}: halves are alike"
            )
    if width is not None and first.sizes[first.kind]["D"] != width:
        raise ValueError(f"{name} has the shape {shape}, and the layer below puts out {width} values")


def _input(layout: Framework, one: Survey) -> tuple[str, str]:
    """A tensor that multiplies the input: its role and its name."""
    roles = [t.name for t in layout.forms[one.kind].tensors if t.parts == ("input",)]
    return roles[0], one.group.names[roles[0]]


def _cell(layout: Framework, layer: Sequence[Survey], cell: str | None) -> System:
    one = layer[0]
    roles = {t.name: t.parts for t in layout.forms[one.kind].tensors}
    parts = {part for name in one.group.arrays for part in roles[name]}
    variant = "-projected" if "projection" in parts else "-peephole" if "peephole" in parts else ""
    system = load_cell(cell or CELLS[one.kind] + variant)
    (place,) = places(system)
    if place.layer.kind not in one.sizes or layout.rule(place.layer) is None or place.layer.kind not in layout.forms:
        kinds = " or ".join(layout.forms[kind].title for kind in one.sizes)
        raise ValueError(f"{one.group.shapes}: these are the weights of {layout.name}'s {kinds}, not of {system.name}")
    system = system if parts & set(BIASES) else without_biases(system)
    return system if one.group.way > 0 or len(layer) > 1 else reverse(system)


def without_biases(system: System) -> System:
    """The system without the vectors that its gates add."""
    biases = {
        b.parameter
        for place in places(system)
        for key, found in place.blocks.items()
        for b in found
        if key[0] in ("bias", "inner")
    }

    def stripped(expr: sympy.Expr) -> sympy.Expr:
        if not isinstance(expr, Op):
            return expr
        kept = [o for o in expr.operands if not (is_op(expr, "plus") and isinstance(o, Ref) and o.name in biases)]
        return rebuild(expr, [stripped(operand) for operand in kept]) if kept else sympy.Integer(0)

    equations = (Equation(e.out, stripped(e.expr)) for e in system.equations)
    return assembled(equations, system.variables, system)
