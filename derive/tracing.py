"""`trace`: one step of a recurrence, written as a Python function over NumPy arrays, as a `System`.

The function is called once, with values that remember how they were computed. Its local variables name the equations.
It is the function of the reader's own file: calling it runs it, as any call does.

Read next: `derive.library`.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from types import FrameType, FunctionType
from typing import Any

import sympy

import derive.traced_functions  # noqa: F401  (fills the table of functions of arrays)
from derive.dimensions import length, read_dimensions
from derive.equation import Equation
from derive.errors import EquationError
from derive.expr import Op, Ref, Step, apply, axis_symbol, is_op, neg, ref, refs, step
from derive.language import Declaration, build
from derive.rewrite import rebuild, replace
from derive.system import System
from derive.traced import Recorder, Traced, TraceError
from derive.words import FUNCTIONS, name_reason


def trace(
    function: Callable[..., Any],
    shapes: str,
    *,
    returns: str = "",
    functions: Mapping[str, str] | None = None,
    name: str = "",
) -> System:
    """The system whose step a function computes, for one example.

    >>> import numpy as np
    >>> def rnn_step(x, h, W, U, b):
    ...     z = W @ h + U @ x + b
    ...     return np.tanh(z)
    >>> print(trace(rnn_step, "x[t] : D; h[t-1] : H; W : H, H; U : H, D; b : H"))
    W : H, H
    h[t] : H
    U : H, D
    x[t] : D
    b : H
    z[t] = W @ h[t-1] + U @ x[t] + b
    h[t] = tanh(z[t])
    <BLANKLINE>

    Args:
        function: one step. It may use operators, slices of rows, and NumPy's elementwise functions, `concatenate`,
            `split`, `dot`, `outer`, `sum`; helper functions of its own are followed.
        shapes: every argument with its time and shape, separated by ``;`` or lines: ``x[t]`` is an input,
            ``h[t-1]`` a state as the step before left it, ``W`` a parameter.
        returns: the names of what is returned, such as ``"y, h, c"``; by default the states in the order of the
            arguments. A function that returns a dict names its results itself.
        functions: helpers that are to be taken as functions of the language instead of being followed, such as
            ``{"softmax": "softmax"}``.
        name: what to call the system; by default as the function.

    Raises:
        EquationError: if the arguments and `shapes` disagree, or the function does what no equation says.
    """
    arguments = _arguments(shapes)
    given = [parameter.name for parameter in inspect.signature(function).parameters.values()]
    if unknown := [n for n in given if n not in arguments] or [n for n in arguments if n not in given]:
        raise EquationError(
            f"{unknown[0]}: the function takes {', '.join(given)}, shapes are of {', '.join(arguments)}"
        )
    recorder = Recorder()
    values = {n: Traced(recorder, ref(n, index), shape) for n, (index, shape) in arguments.items()}
    try:
        result, named = _called(_with(function, functions or {}, recorder), [values[n] for n in given])
    except TraceError as error:
        raise EquationError(f"{_place(error, function)}: {error}") from None
    states = [n for n, (index, _) in arguments.items() if isinstance(index, Step) and index.shift == -1]
    results = _results(result, returns, states)
    equations = _equations(recorder, results, named, values)
    declared = {n: Declaration(shape, axis="t" if index else None) for n, (index, shape) in arguments.items()}
    for state in states:
        if state not in results:
            raise EquationError(f"the state {state} is not returned: say what is, as in returns='{', '.join(states)}'")
    return build(equations, declared, name=name or getattr(function, "__name__", "system").replace("_", "-"))


def _arguments(shapes: str) -> dict[str, tuple[Step | None, tuple[sympy.Expr, ...]]]:
    """Time and shape of every argument, read as the declarations of the language are."""
    found: dict[str, tuple[Step | None, tuple[sympy.Expr, ...]]] = {}
    for line in filter(str.strip, shapes.replace(";", "\n").splitlines()):
        left, colon, shape = line.partition(":")
        if not colon:
            raise EquationError(f"{line.strip()!r} declares nothing: write 'x[t] : D', 'h[t-1] : H' or 'W : H, D'")
        for part in left.split(","):
            name, _, index = part.strip().partition("[")
            shift = {"t]": 0, "t-1]": -1, "": None}.get(index.replace(" ", ""), 1)
            if shift == 1:
                raise EquationError(f"{part.strip()}: an argument is read at [t], at [t-1], or has no time")
            if reason := name_reason(name):
                raise EquationError(reason)
            try:
                dims = () if shape.strip() == "scalar" else tuple(map(read_dimensions, shape.split(",")))
            except ValueError as error:
                raise EquationError(f"{name}: {error}") from None
            found[name] = (None if shift is None else step("t", shift), dims)
    return found


def _with(function: Callable[..., Any], functions: Mapping[str, str], recorder: Recorder) -> Callable[..., Any]:
    """The function, some of its helpers replaced by functions of the language; the original stays as it is."""
    if not functions:
        return function
    if not isinstance(function, FunctionType):
        raise EquationError("functions=… needs a function written in Python")
    stand_ins: dict[str, Any] = {}
    for helper, meant in functions.items():
        if meant not in FUNCTIONS:
            raise EquationError(f"{helper} is to be {meant}, which is no function of the language")
        stand_ins[helper] = lambda value, meant=meant: recorder.record(apply(meant, value.expr), value.shape)
    return FunctionType(
        function.__code__, {**function.__globals__, **stand_ins}, function.__name__, function.__defaults__,
        function.__closure__,
    )  # fmt: skip


def _called(function: Callable[..., Any], values: list[Traced]) -> tuple[Any, dict[str, Traced]]:
    """What the function returns, and its local variables when it did."""
    code = getattr(function, "__code__", None)
    named: dict[str, Traced] = {}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            named.clear()
            named.update({n: value for n, value in frame.f_locals.items() if isinstance(value, Traced)})

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        return function(*values), named
    finally:
        sys.setprofile(before)


def _place(error: TraceError, function: Callable[..., Any]) -> str:
    """The line of the function on which it went wrong."""
    code, line, step_ = getattr(function, "__code__", None), 0, error.__traceback__
    while step_ is not None:
        if code is not None and step_.tb_frame.f_code.co_filename == code.co_filename:
            line = step_.tb_lineno
        step_ = step_.tb_next
    return f"{getattr(function, '__name__', 'the function')}, line {line}"


def _results(result: Any, returns: str, states: list[str]) -> dict[str, Traced]:
    if isinstance(result, Mapping):
        found = dict(result)
    else:
        values = list(result) if isinstance(result, tuple | list) else [result]
        names = [n.strip() for n in returns.split(",")] if returns else states
        if len(names) != len(values):
            wanted = f"{len(names)} ({', '.join(names)})" if names else "none"
            raise EquationError(
                f"the function returns {len(values)} values, and {wanted} are named: say returns='y, h'"
            )
        found = dict(zip(names, values, strict=True))
    for name, value in found.items():
        if not isinstance(value, Traced):
            raise EquationError(f"{name} is returned as {type(value).__name__}, which nothing was computed for")
        if reason := name_reason(name):
            raise EquationError(reason)
    return found


def _equations(
    recorder: Recorder, results: Mapping[str, Traced], named: Mapping[str, Traced], arguments: Mapping[str, Traced]
) -> list[Equation]:
    """An equation for every result and every local variable that leads to one; what has no name is written in place."""
    names: dict[str, str] = {}
    for name, value in results.items():
        if value.expr.name in recorder.found:
            names.setdefault(value.expr.name, name)
    taken = {*arguments, *results}
    for name, value in named.items():
        if value.expr.name in recorder.found and value.expr.name not in names:
            names[value.expr.name] = _free(name, taken)
            taken.add(names[value.expr.name])
    uses = Counter(r.name for expr in recorder.found.values() for r in refs(expr))
    needed: dict[str, sympy.Expr] = {}
    for place, expr in recorder.found.items():
        if place not in names and uses[place] > 1 and isinstance(expr, Op) and expr.primitive != "transpose":
            names[place] = _free("v", taken)
            taken.add(names[place])
    running: set[str] = set()

    def written(read: Ref) -> sympy.Expr:
        if read.name not in recorder.found:
            return read
        if read.name in names:
            name = names[read.name]
            if name not in needed:
                expr = replace(recorder.found[read.name], written)
                needed[name] = expr
                if any(r.index is not None for r in refs(expr)):
                    running.add(name)
            return ref(name, step("t") if name in running else None)
        return replace(recorder.found[read.name], written)

    for name, value in results.items():
        expr = written(value.expr)
        if not (isinstance(expr, Ref) and expr.name == name):
            needed[name] = expr
            running.add(name)
    return [
        Equation(ref(name, step("t") if name in running or name in results else None), _recognised(expr))
        for name, expr in needed.items()
    ]


def _free(name: str, taken: set[str]) -> str:
    """A name like this one that nothing else has."""
    while name in taken or name_reason(name) or name == str(length(axis_symbol("t"))):
        stem = name.rstrip("0123456789")
        name = f"{stem}{int(name[len(stem) :] or 1) + 1}"
    return name


def _recognised(expr: sympy.Expr) -> sympy.Expr:
    """1 / (1 + exp(-a)) as sigmoid(a), which it is."""
    if not isinstance(expr, Op):
        return expr
    expr = rebuild(expr, [_recognised(operand) for operand in expr.operands])
    if is_op(expr, "power") and expr.static[0] == -1 and is_op(expr.operands[0], "plus"):
        terms = expr.operands[0].operands
        rest = [term for term in terms if term != 1]
        if len(terms) == 2 and len(rest) == 1 and is_op(rest[0], "exp"):
            return apply("sigmoid", neg(rest[0].operands[0]))
    return expr
