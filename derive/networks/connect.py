"""Systems joined and wired: where one reads an input, it reads what another computes.

``connect(upper, {"x": "h"}, lower)`` is a two-layer network.  The general form is `wired`: an input becomes an
expression, and the dimensions that meet become one.  ``x[t] := y[t-1]`` feeds a network its own output.

Read next: `derive.networks.layers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace as change

import sympy

from derive.dimensions import length
from derive.errors import EquationError
from derive.expr import Fixed, Index, Op, Ref, Step, axis_symbol, fixed, ref, refs, step
from derive.networks.rename import Names, assembled, renamed, resized, with_dimensions
from derive.primitives import Shape
from derive.rewrite import replace
from derive.shapes import ShapeOf, pair, show
from derive.simplify import at_position
from derive.system import Equation, System, Var
from derive.text import to_text


def connect(upper: System, wires: Mapping[str, str], lower: System, *, shared: Iterable[str] = ()) -> System:
    """`upper` on top of `lower`, at every step.

    Args:
        upper: reads the result.
        wires: inputs of `upper` → quantities of `lower`, ``{"x": "h"}``.
        lower: computes what `upper` reads.
        shared: leaves of that name in both are one; any other name that both have is renamed in `upper`.

    Returns:
        One system, lower equations first.  D of `upper` becomes the size of what it reads; its other dimensions
        that `lower` has too become H_2 and so on.

    Raises:
        EquationError: for an input or quantity that does not exist, or sizes that cannot meet.
    """
    for name, source in wires.items():
        if source not in lower.variables:
            raise EquationError(f"{source} is no quantity of {lower.name}; there are {', '.join(lower.variables)}")
        _check_input(upper, name)
    shared = set(shared)
    copy = apart(upper, lower, shared)
    moved = dict(zip(upper.variables, copy.variables, strict=True))
    net = joined(lower, copy)
    called = {moved[name]: f"{name} of {upper.name}" for name in wires}
    return _wired(net, {moved[name]: now(lower.variables[source]) for name, source in wires.items()}, (), called)


def feed_back(system: System, output: str, input: str | None = None) -> System:
    """One-to-many: the input of a step is the output of the step before, ``x[t] := y[t-1]``.

    ``y[0]``, what the first step reads, is given at run time as an initial value; it has a gradient.

    Args:
        system: with an input and an output along one axis.
        output: what is fed back, y[t]: O.
        input: what it replaces, x[t]: D; then D is O.

    Raises:
        EquationError: if one does not exist, or their sizes cannot be one.
    """
    name = only_input(system, input)
    if output not in system.variables or system.variables[output].axis is None:
        raise EquationError(f"{output} is no sequence of {system.name}")
    axis = system.variables[output].axis
    assert axis is not None
    back = 1 if _ends(system, output) == {fixed(axis, 1)} else -1
    return wired(system, {name: ref(output, step(axis, back))})


def apart(upper: System, lower: System, shared: Iterable[str] = ()) -> System:
    """`upper` with fresh names for every quantity and dimension that `lower` has too; axes stay."""
    shared = set(shared)
    supply = Names({*lower.variables, *upper.variables})
    names = {n: supply.fresh(n) for n in upper.variables if n in lower.variables and n not in shared}
    kept = {s for n in shared & set(upper.variables) for dim in upper.variables[n].shape for s in dim.free_symbols}
    lengths = {length(axis_symbol(axis)) for axis in (*upper.axes, *lower.axes)}
    sizes = Names(map(str, {*lower.dimensions, *upper.dimensions}))
    dims = {str(d): sizes.fresh(str(d)) for d in upper.dimensions if d in lower.dimensions and d not in lengths | kept}
    return renamed(upper, names, dims)


def joined(*systems: System) -> System:
    """All equations in one system; leaves of one name are one.

    Raises:
        EquationError: if a name is used for different things.
    """
    variables: dict[str, Var] = {}
    for system in systems:
        for name, var in system.variables.items():
            if name in variables and (variables[name] != var or not var.is_leaf):
                raise EquationError(f"{name} is something else in {system.name}")
            variables[name] = var
    return assembled((e for system in systems for e in system.equations), variables, systems[-1])


def wired(system: System, sources: Mapping[str, sympy.Expr], more: Iterable[Var] = ()) -> System:
    """The system with inputs replaced by expressions.

    An input that is read at its own step only is replaced there.  One that is read at other steps as well, such as
    ``x[t-1]``, gets an equation, ``x[t] = h[t]``: its boundary x[0] is its own and not the initial value of h.

    Args:
        system: any system.
        sources: input → expression of what it is at step t.
        more: quantities in these expressions that the system does not have.

    Raises:
        EquationError: if something is no input, or sizes cannot meet.
    """
    for name in sources:
        _check_input(system, name)
    return _wired(system, sources, more, {name: f"{name} of {system.name}" for name in sources})


def _wired(system: System, sources: Mapping[str, sympy.Expr], more: Iterable[Var], called: Mapping[str, str]) -> System:
    system, sources, extra = met(system, dict(sources), {var.name: var for var in more}, called)
    variables = {**system.variables, **extra}
    direct = dict(sources)
    equations: list[Equation] = []
    for equation in system.equations:
        for name in [n for n in direct if any(_elsewhere(read, n) for read in refs(equation.expr))]:
            variables[name] = change(variables[name], role="defined")
            equations.append(Equation(now(variables[name]), direct.pop(name)))
        equations.append(equation)

    def substituted(read: Ref) -> sympy.Expr:
        if read.name not in direct:
            return read
        source = direct[read.name]
        return at_position(source, read.index.axis, read.index) if isinstance(read.index, Fixed) else source

    wired_up = (Equation(e.out, replace(e.expr, substituted), e.span) for e in equations)
    return assembled(wired_up, variables, system)


# --- which quantity is meant --------------------------------------------------------------------------------------


def only_input(system: System, name: str | None = None) -> str:
    """The input that drives the system: named, or the only sequence whose values the gradient reaches.

    Raises:
        EquationError: if it does not exist, or several could be meant.
    """
    if name is not None:
        _check_input(system, name)
        return name
    free = {read.name for equation in system.equations for read in _unstopped(equation.expr)}
    found = [n for n in system.inputs if n in free and system.variables[n].axis and system.variables[n].classes is None]
    if len(found) != 1:
        raise EquationError(f"{system.name} has the inputs {', '.join(found) or 'none'}; say which one is meant")
    return found[0]


def only_output(system: System, name: str | None = None) -> str:
    """The result: named, or the only defined quantity that nothing else reads at its own step.

    Raises:
        EquationError: if it does not exist, or several could be meant.
    """
    if name is not None:
        if name not in system.defined:
            raise EquationError(f"{name} is nothing that {system.name} computes; that are {', '.join(system.defined)}")
        return name
    if len(system.outputs) != 1:
        raise EquationError(f"{system.name} has the outputs {', '.join(system.outputs)}; say which one is meant")
    return system.outputs[0]


def now(var: Var) -> Ref:
    """The quantity at the current step, or without time."""
    return ref(var.name, None if var.axis is None else step(var.axis))


def direction(system: System, name: str) -> int:
    """+1 or −1 for what a scan computes, 0 for a map over all steps."""
    for component in system.components:
        if any(e.name == name and not e.is_boundary for e in component.equations):
            return component.direction
    return 0


def last(system: System, name: str) -> sympy.Expr:
    """The value of a sequence when all steps are seen: h[T]; h[1] of a backward one; both of a bidirectional one.

    Keras' ``Bidirectional`` and PyTorch's ``h_n`` have the same: [h_fwd[T], h_bwd[1]], never h_bwd[T].
    """
    ends = _ends(system, name)
    axis = system.variables[name].axis
    assert axis is not None
    if len(ends) <= 1:
        return ref(name, next(iter(ends), fixed(axis, 0, from_end=True)))

    def ending(read: Ref) -> sympy.Expr:
        return last(system, read.name) if isinstance(read.index, Step) and read.index.axis == axis else read

    return replace(system.equation(name).expr, ending)


def _ends(system: System, name: str) -> set[Index]:
    """Positions at which the recurrences behind a quantity end."""
    axis = system.variables[name].axis
    assert axis is not None
    way = direction(system, name)
    if way:
        return {fixed(axis, 0, from_end=True) if way > 0 else fixed(axis, 1)}
    if system.variables[name].is_leaf:
        return set()
    reads = [r for r in refs(system.equation(name).expr) if isinstance(r.index, Step) and r.index.axis == axis]
    return {end for read in reads if read.name != name for end in _ends(system, read.name)}


def _check_input(system: System, name: str) -> None:
    if name not in system.inputs:
        found = ", ".join(system.inputs) or "none"
        raise EquationError(f"{name} is no input of {system.name}; its inputs are {found}")


def _unstopped(expr: sympy.Expr) -> Iterator[Ref]:
    if isinstance(expr, Ref):
        yield expr
    elif isinstance(expr, Op) and expr.primitive != "stop":
        for operand in expr.operands:
            yield from _unstopped(operand)


def _elsewhere(read: Ref, name: str) -> bool:
    """Whether a read of `name` can meet a boundary: anything but the own step, the first and the last."""
    if read.name != name or read.index is None:
        return False
    if isinstance(read.index, Step):
        return read.index.shift != 0
    assert isinstance(read.index, Fixed)
    return read.index.offset != (0 if read.index.from_end else 1)


# --- dimensions that meet -----------------------------------------------------------------------------------------


def met(
    system: System, sources: dict[str, sympy.Expr], extra: dict[str, Var], called: Mapping[str, str]
) -> tuple[System, dict[str, sympy.Expr], dict[str, Var]]:
    """All three with the dimensions of each input made those of its source.

    Args:
        system: has the inputs.
        sources: input → expression.
        extra: quantities in these expressions that the system does not have.
        called: what to call each input in an error.
    """
    for name in sources:
        wanted, found = _shapes(system, extra, name, sources[name])
        reason = f"{called[name]} is {show(wanted)}, but {to_text(sources[name])} is {show(found)}"
        for side in (0, 1):
            wanted, found = _shapes(system, extra, name, sources[name])
            dims = _equal(system, wanted[side], found[side])
            if dims is None:
                raise EquationError(reason)
            system = with_dimensions(system, dims)
            sources = {n: resized(expr, dims) for n, expr in sources.items()}
            extra = {n: change(v, shape=tuple(dim.subs(dims) for dim in v.shape)) for n, v in extra.items()}
    return system, sources, extra


def _shapes(system: System, extra: Mapping[str, Var], name: str, source: sympy.Expr) -> tuple[Shape, Shape]:
    shape_of = ShapeOf({n: pair(var.shape) for n, var in {**system.variables, **extra}.items()})
    return shape_of(ref(name)), shape_of(source)


def _equal(system: System, wanted: sympy.Expr, found: sympy.Expr) -> dict[sympy.Symbol, sympy.Expr] | None:
    """What must stand for a dimension so that two are equal; lengths of time stand for nothing else."""
    rigid = {length(axis_symbol(axis)) for axis in system.axes}
    if wanted == found:
        return {}
    if wanted.is_Symbol and wanted not in rigid and wanted not in found.free_symbols:
        return {wanted: found}
    if found.is_Symbol and found not in rigid and wanted != 1 and found not in wanted.free_symbols:
        return {found: wanted}
    return None
