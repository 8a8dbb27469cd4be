"""The notation of an adapter, carried out: values for names, names for results, and places as ``self.params['W']``.

Read next: `numeric.check.calling.gathered`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any


def value_of(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of an argument: a name, a constant, or a sequence or dictionary of them.

    Raises:
        ValueError: if a name stands for nothing.
    """
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"adapter: nothing is called {name}; it needs a shape, or stands among the results")
            return names[name]
        case ast.List(elts=parts):
            return [value_of(part, names) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(value_of(part, names) for part in parts)
        case ast.Set(elts=parts):
            return {part.id: value_of(part, names) for part in parts if isinstance(part, ast.Name)}
        case ast.Dict(keys=keys, values=parts):
            return {value_of(k, names): value_of(v, names) for k, v in zip(keys, parts, strict=True) if k is not None}
    raise ValueError(f"adapter: {ast.unparse(node)} cannot be passed")


def give_names(node: ast.expr, value: Any, names: dict[str, Any]) -> None:
    """Add results to the names, nested as they are returned.

    Raises:
        ValueError: if something of another form was returned.
    """
    if isinstance(node, ast.Name):
        if node.id != "_":
            names[node.id] = value
        return
    parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
    if not isinstance(value, (tuple, list)) or len(value) != len(parts):
        count = f"{len(value)} results" if isinstance(value, (tuple, list)) else f"a {type(value).__name__}"
        raise ValueError(f"a function returned {count}, and the adapter says '{ast.unparse(node)}'")
    for part, item in zip(parts, value, strict=True):
        give_names(part, item, names)


def _steps(path: str) -> tuple[str, list[tuple[bool, str]]]:
    """``self.params['W']`` as its head and the attributes and items that follow."""
    try:
        node, steps = ast.parse(path, mode="eval").body, list[tuple[bool, str]]()
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"adapter: {path!r} is not a place, as self.W, self.params['W'] or module.W") from error
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                steps.append((False, name))
            case ast.Subscript(value=inner, slice=ast.Constant(value=str(name))):
                steps.append((True, name))
            case ast.Name(id=head):
                return head, steps[::-1]
            case _:
                raise ValueError(f"adapter: {path!r} is not a place, as self.W, self.params['W'] or module.W")
        node = inner


def look(path: str, names: Mapping[str, Any]) -> Any:
    """What is at a place."""
    head, steps = _steps(path)
    value = value_of(ast.Name(head), names)
    for item, name in steps:
        value = value[name] if item or isinstance(value, dict) else getattr(value, name)
    return value


def store(path: str, value: Any, names: Mapping[str, Any]) -> None:
    """Put a value at a place."""
    head, steps = _steps(path)
    place = value_of(ast.Name(head), names)
    for item, name in steps[:-1]:
        place = place[name] if item or isinstance(place, dict) else getattr(place, name)
    item, name = steps[-1]
    if item or isinstance(place, dict):
        place[name] = value
    else:
        setattr(place, name, value)
