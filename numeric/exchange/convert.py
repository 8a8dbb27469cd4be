"""Weights of a framework into the parameters of a system, and back.

Read next: `numeric.exchange.states`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from derive.conventions import embeddings_named
from derive.system import System
from numeric.exchange.fitting import Unfit, expected, fit, pack, unpack
from numeric.exchange.layouts import FRAMEWORKS, Form, Framework, framework
from numeric.exchange.lists import named_list
from numeric.exchange.names import Array, Group, as_arrays, flat, grouped, named
from numeric.exchange.places import Place, places
from numeric.exchange.sizes import Shaped, solved
from numeric.exchange.survey import survey, system_of_layers
from numeric.exchange.values import to_blocks, to_parameters


def load(name: str, tensors: Any, system: System, *, prefix: str = "") -> dict[str, Array]:
    """Parameters of a system from the weights of a framework.

    Args:
        name: "pytorch", "keras", "onnx" or "flax".
        tensors: by name, as `dump` gives them, or as the framework does: a ``state_dict`` of PyTorch, the list that
            ``get_weights`` of Keras returns, a tree of Flax, W, R, B and P of an ONNX node (a list of such for several
            layers); arrays of any library.
        system: a cell, or cells in layers and directions, under any names.
        prefix: takes those tensors alone whose names begin so, "encoder.lstm.".

    Returns:
        Arrays by parameter, of the dtype of the tensors, of all parameters that belong to recurrent layers.

    Raises:
        ValueError: one line, with the tensor and both shapes where it is a shape.
    """
    layout = framework(name)
    held = _places(system)
    ways = [sum(place.number == number for place in held) for number in range(held[-1].number + 1)]
    groups = _groups(layout, tensors, prefix, ways)
    theirs = [sum(group.number == number for group in groups) for number in range(groups[-1].number + 1)]
    if theirs != ways:
        raise ValueError(f"the tensors are of {_network(theirs)}, and {system.name} has {_network(ways)}")
    forms = [_form(layout, place, system) for place in held]
    shapes, found = [], dict[str, Array]()
    for group, place, form in zip(groups, held, forms, strict=True):
        if group.way < 0 < place.direction:
            raise ValueError(f"{next(iter(group.names.values()))} runs backward, and {place.states[0]} forward")
        _check_fit(layout, form, group, place)
        shapes += _shaped(form, group, place)
    dims = solved(shapes)
    for group, place, form in zip(groups, held, forms, strict=True):
        like = next(iter(group.arrays.values())).dtype
        try:
            found |= to_parameters(place, unpack(form, group), dims, like)
        except ValueError as error:
            raise ValueError(f"{', '.join(group.names.values())}: {error}") from None
    return {parameter: found[parameter] for parameter in system.parameters if parameter in found}


def dump(name: str, parameters: Mapping[str, Any], system: System) -> dict[str, Array]:
    """Weights of a framework from the parameters of a system.

    Args:
        name: "pytorch", "keras", "onnx" or "flax".
        parameters: arrays by name; those that belong to no recurrent layer have no part in it.
        system: a cell, or cells in layers and directions.

    Returns:
        Arrays by name: for ``load_state_dict`` of PyTorch, in the order of ``set_weights`` of Keras, for `tree` and
        Flax, W, R, B and P of ONNX.  One bias that the framework has two for goes into the first; the second is zero.

    Raises:
        ValueError: one line, if the framework has no such layer, or a parameter is missing or has another shape.
    """
    layout = framework(name)
    held = _places(system)
    forms = [_form(layout, place, system) for place in held]
    needed = dict.fromkeys(b.parameter for place in held for blocks in place.blocks.values() for b in blocks)
    for unknown in [parameter for parameter in parameters if parameter not in system.parameters]:
        raise ValueError(f"{unknown} is no parameter of {system.name}; there are {', '.join(system.parameters)}")
    for missing in [parameter for parameter in needed if parameter not in parameters]:
        raise ValueError(f"the parameter {missing} of {system.name} is missing")
    arrays = as_arrays({parameter: parameters[parameter] for parameter in needed})
    dims = solved([Shaped(p, system.variables[p].shape, array.shape) for p, array in arrays.items()])
    packed = [
        (place.number, place.direction, pack(form, to_blocks(place, arrays, dims, biased=layout.biased)))
        for place, form in zip(held, forms, strict=True)
    ]
    return named(layout, packed)


def system_of(name: str, tensors: Any, *, cell: str | None = None, prefix: str = "") -> System:
    """The system that weights belong to: a cell of the library in as many layers and directions as there are.

    Args:
        name: "pytorch", "keras", "onnx" or "flax".
        tensors: as for `load`.
        cell: what the weights do not say, as a name of the library: "rnn-relu", "gru-cho" for a GRU of ONNX or Keras
            without biases; default "rnn" (tanh), and the reset that is the framework's default.
        prefix: as for `load`.

    Raises:
        ValueError: one line, if they are of no layer, or do not fit together.
    """
    layout = framework(name)
    groups = _groups(layout, tensors, prefix, None)
    return system_of_layers(layout, survey(layout, groups), cell)


def read(name: str, tensors: Any, *, cell: str | None = None, prefix: str = "") -> tuple[System, dict[str, Array]]:
    """The system that weights belong to, and its parameters: `system_of` and `load`."""
    system = system_of(name, tensors, cell=cell, prefix=prefix)
    return system, load(name, tensors, system, prefix=prefix)


def _groups(layout: Framework, tensors: Any, prefix: str, ways: Sequence[int] | None) -> list[Group]:
    flattened = flat(tensors)
    names = [name for name in flattened if name.startswith(prefix)]
    if not names:
        known = ", ".join(list(flattened)[:4]) or "nothing"
        raise ValueError(f"no name begins with {prefix!r}; there is {known}" if prefix else "there are no tensors")
    arrays = as_arrays({name.removeprefix(prefix): flattened[name] for name in names})
    if (
        layout.name == "keras"
        and isinstance(tensors, list | tuple)
        and all(key.replace("/", "").isdigit() for key in arrays)
    ):
        arrays = named_list(list(arrays.values()), ways)
    return grouped(layout, arrays)


def _places(system: System) -> tuple[Place, ...]:
    return places(embeddings_named(system))


def _network(ways: Sequence[int]) -> str:
    layers = "one layer" if len(ways) == 1 else f"{len(ways)} layers"
    both = {1: "one direction", 2: "two directions"}
    return f"{layers} in {' and '.join(both[way] for way in sorted(set(ways)))}"


def _form(layout: Framework, place: Place, system: System) -> Form:
    """How the framework stores such a layer."""

    def has(other: Framework) -> bool:
        return place.layer.kind in other.forms and other.rule(place.layer) is not None

    if not has(layout):
        others = [
            f"{other.name} ({other.forms[place.layer.kind].title})" for other in FRAMEWORKS.values() if has(other)
        ]
        kind = f"{'/'.join(place.layer.activations)} {place.layer.kind}"
        extra = " with peepholes" if place.layer.peepholes else " with a projection" if place.layer.projection else ""
        hint = f"; {', '.join(others)} has" if others else ""
        raise ValueError(f"{layout.name} has no layer like {place.states[0]} of {system.name}, {kind}{extra}{hint}")
    return layout.forms[place.layer.kind]


def _check_fit(layout: Framework, form: Form, group: Group, place: Place) -> None:
    """The tensors of a layer are those of the form that the system needs."""
    try:
        fit(form, group)
    except Unfit as reason:
        others = []
        for other in layout.forms.values():
            try:
                fit(other, group)
                others.append(other.title)
            except Unfit:
                pass
        raise ValueError(
            f"{reason}" + (f"; these are the weights of {' or '.join(others)}" if others else "")
        ) from None
    roles = {tensor.name for tensor in form.tensors if tensor.parts == ("projection",)}
    projections = [name for role, name in group.names.items() if role in roles]
    if projections and place.layer.projection is None:
        raise ValueError(f"{projections[0]} projects the output, and {place.states[0]} is not projected")
    if not projections and place.layer.projection is not None:
        raise ValueError(f"{place.states[0]} is projected, and there is no projection beside {group.shapes}")


def _shaped(form: Form, group: Group, place: Place) -> list[Shaped]:
    """The tensors of a layer, with the shapes that the system gives them."""
    symbols = {"H": place.layer.units, "R": place.layer.recurrent, "D": place.layer.inputs, "": sympy.Integer(1)}
    return [
        Shaped(
            group.names[tensor.name],
            tuple(factor * symbols[letter] for factor, letter in expected(form, tensor)),
            group.arrays[tensor.name].shape,
        )
        for tensor in form.tensors
        if tensor.name in group.arrays
    ]
