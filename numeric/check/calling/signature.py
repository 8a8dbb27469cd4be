"""What the source of a function tells about how it is called: names of arguments, of results, of the keys it reads.

The source is read, not run.  ``return dx, dWx, db`` names the results, ``Wf, Wi = weights`` the entries of a list,
``parameters["Wf"]`` the keys of a dictionary, and names that are neither arguments nor assigned are globals.

Read next: `numeric.check.calling.places`.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from numeric.check.calling.roles import BUNDLE

HANDLES = ("self", "cls", "ctx")


@dataclass(frozen=True)
class Sketch:
    """What is known of a function.

    Attributes:
        name: of the function.
        arguments: names, without ``self`` and ``ctx``.
        defaults: of those that need not be given, by name.
        unpacked: by argument, the names of what it is unpacked into.
        keys: by argument, the texts that it is subscripted with, here or in a function of the module.
        results: an expression of names, as an `Adapter` has it; empty if there are none.
        reads: names of the module that it reads, here or in functions of the module that it calls.
        attributes: of ``self`` that it reads or writes, here or in methods that it calls.
        bundled: keys under which something is read that is called as a dictionary of parameters.
    """

    name: str
    arguments: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unpacked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    results: str = ""
    reads: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    bundled: tuple[str, ...] = ()


def sketch(function: Callable[..., Any]) -> Sketch:
    """What the source of a function tells.

    Raises:
        ValueError: if it has no signature.
    """
    name = getattr(function, "__name__", type(function).__name__)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} has no signature that can be read") from error
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in HANDLES]
    defaults = {p.name: p.default for p in named if p.default is not p.empty}
    arguments = tuple(p.name for p in named)
    tree = _tree(function)
    if tree is None:
        return Sketch(name, arguments, defaults)
    reached = list(_reached(function, tree))
    return Sketch(
        name,
        arguments,
        defaults,
        {argument: names for argument in arguments if (names := _unpacked(tree, argument))},
        {argument: names for argument in arguments if (names := _keys(reached, argument))},
        _results(tree),
        tuple(dict.fromkeys(n for part in reached for n in _globals(part))),
        tuple(dict.fromkeys(n for part in reached for n in _attributes(part))),
        tuple(dict.fromkeys(key for part in reached for key in _bundled(part))),
    )


def _tree(function: Callable[..., Any]) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)


def _reached(function: Callable[..., Any], tree: ast.FunctionDef) -> Iterator[ast.FunctionDef]:
    """A function, and those of its module or class that it calls, directly or not."""
    space = getattr(inspect.unwrap(function), "__globals__", {})
    owner = getattr(function, "__self__", None)
    seen, waiting = {tree.name}, [tree]
    while waiting:
        part = waiting.pop(0)
        yield part
        for node in ast.walk(part):
            name, found = "", None
            if isinstance(node, ast.Name):
                name, found = node.id, space.get(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                name, found = node.attr, getattr(type(owner), node.attr, None)
            if name in seen or not inspect.isfunction(found) or found.__module__ != space.get("__name__"):
                continue
            seen.add(name)
            if (inner := _tree(found)) is not None:
                waiting.append(inner)


def _unpacked(tree: ast.FunctionDef, argument: str) -> tuple[str, ...]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=parts) | ast.List(elts=parts)], value=ast.Name(id=name)):
                if name == argument and all(isinstance(part, ast.Name) for part in parts):
                    return tuple(part.id for part in parts if isinstance(part, ast.Name))
    return ()


def _keys(parts: list[ast.FunctionDef], argument: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for part in parts:
        for node in ast.walk(part):
            match node:
                case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))) if name == argument:
                    found[key] = None
                case ast.GeneratorExp(elt=ast.Subscript(value=ast.Name(id=name)), generators=[one]) if name == argument:
                    found |= dict.fromkeys(_texts(one.iter))
                case ast.For(iter=ast.Tuple() | ast.List() as several) if argument in _subscripted(node):
                    found |= dict.fromkeys(_texts(several))
    return tuple(found)


def _texts(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _bundled(tree: ast.FunctionDef) -> Iterator[str]:
    """Keys of whatever is called params; ``p["W" + k]`` has those of all texts that k runs over."""
    loops: dict[str, list[str]] = {}
    others: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.target, ast.Name):
            one = node.iter.value if isinstance(node.iter, ast.Constant) and isinstance(node.iter.value, str) else ""
            texts = [*one] or _texts(node.iter)
            loops.setdefault(node.target.id, []).extend(texts)
            others |= set() if texts else {node.target.id}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript) or not BUNDLE.fullmatch(ast.unparse(node.value).rpartition(".")[2]):
            continue
        match node.slice:
            case ast.Constant(value=str(key)):
                yield key
            case ast.Name(id=name) if name not in others:
                yield from loops.get(name, ())
            case ast.BinOp(left=ast.Constant(value=str(head)), op=ast.Add(), right=ast.Name(id=name)):
                yield from (head + tail for tail in loops.get(name, ()))
            case ast.JoinedStr(values=[ast.Constant(value=str(head)), ast.FormattedValue(value=ast.Name(id=name))]):
                yield from (head + tail for tail in loops.get(name, ()))


def _subscripted(loop: ast.For) -> set[str]:
    """Names that are subscripted with the variable of a loop."""
    variable = ast.unparse(loop.target)
    nodes = [node for node in ast.walk(loop) if isinstance(node, ast.Subscript)]
    return {ast.unparse(node.value) for node in nodes if ast.unparse(node.slice) == variable}


def _results(tree: ast.FunctionDef) -> str:
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    if not returned:
        return ""
    last = max(returned, key=lambda value: value.lineno)
    counter = iter(range(1, 1000))
    if not isinstance(last, ast.Tuple):
        return _named(last, counter)
    return ", ".join(_unique([_named(part, counter) for part in last.elts], counter))


def _named(node: ast.expr, counter: Iterator[int]) -> str:
    """The name of a result: of the quantity that it is, or a number."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Tuple(elts=parts) | ast.List(elts=parts) if parts:
            return f"({', '.join(_unique([_named(part, counter) for part in parts], counter))},)"
        case ast.Subscript(value=inner, slice=ast.Slice() | ast.Tuple()):
            return _named(inner, counter)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return f"{name[:-1] if len(name) > 1 and name.endswith('s') else name}_last"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "numpy" | "torch")), args=[inner, *_]):
            return _named(inner, counter)
        case ast.Call(func=ast.Attribute(value=inner, attr="copy" | "reshape" | "squeeze" | "transpose")):
            return _named(inner, counter)
    return f"result{next(counter)}"


def _unique(names: list[str], counter: Iterator[int]) -> list[str]:
    """Parts of one array, or one array twice, have their place and no name."""
    return [name if names.count(name) == 1 else f"result{next(counter)}" for name in names]


def _globals(tree: ast.FunctionDef) -> list[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    declared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    own = {node.id for node in nodes if isinstance(node.ctx, ast.Store)} | {
        a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)
    }
    return [node.id for node in nodes if node.id in declared or node.id not in own]


def _attributes(tree: ast.FunctionDef) -> list[str]:
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]
