"""Generated functions for a run in chunks: what all chunks share is computed once, and sums go on.

A statement that reads nothing but weights and sizes is the same for every chunk: it moves to ``prepare``, whose results
the others are given.  A gradient that ``backward`` adds up block by block begins with what the chunks before added up,
so that there is one array of its size and not two.  All other statements stay as they were generated.

Read next: `numeric.functions`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from numeric.emit import Module

ROOM = {"empty", "zeros", "full", "empty_like", "zeros_like", "full_like"}  # make what is written to later
ADD_PRODUCT = '''def add_product(total, a, b):
    """What the blocks so far add up to, and a @ b: some rows at a time, so that it takes no room beside the total."""
    if total is None or not a.ndim == b.ndim == 2:
        return added(total, a @ b)
    for low in range(0, len(a), 128):
        total[low : low + 128] += a[low : low + 128] @ b
    return total'''


@dataclass(frozen=True)
class Chunked:
    """Functions for chunks.

    Attributes:
        module: with ``prepare(*leaves)``, ``forward(prepared, *module.leaves, *initial)`` and
            ``backward(prepared, sums, saved, *cotangents)``, which returns its sums as a fourth dictionary.
        leaves: of the whole run; those of the module are along time.
        totals: leaves whose gradients ``backward`` returns for all chunks so far.
    """

    module: Module
    leaves: tuple[str, ...]
    totals: frozenset[str]


@lru_cache(maxsize=64)
def chunked(module: Module, moving: tuple[str, ...]) -> Chunked:
    """The functions for chunks.

    Args:
        module: generated.
        moving: leaves along time; the others are the same for all chunks.
    """
    lines = module.source.splitlines()
    functions = {node.name: node for node in ast.parse(module.source).body if isinstance(node, ast.FunctionDef)}
    forward, backward = functions["forward"], functions.get("backward")
    leaves = _names(forward)[: len(module.leaves)]
    fixed = [name for name, leaf in zip(leaves, module.leaves, strict=True) if leaf not in moving]
    known = dict.fromkeys(fixed)
    ahead, shared = _apart(forward, forward.body[:-1], known, {*leaves} - {*fixed})
    back, also = _apart(backward, backward.body[1:-1], known) if backward is not None else ([], [])
    *results, saved = _returned(forward)
    read = {*_words([*ahead, *results, *back])}
    prepared = _tuple(name for name in known if name in read)
    kept = _tuple(name for name in _words([saved]) if name not in known)
    texts = [
        "\n".join(lines[: forward.lineno - 1]).rstrip(),
        _function("prepare", ", ".join(leaves), _text([*shared, *also], lines), prepared),
    ]
    body = [f"    {prepared} = prepared", *_text(ahead, lines)]
    texts.append(_function("forward", _arguments(forward, ["prepared"], fixed), body, f"outputs, final, {kept}"))
    totals = frozenset[str]()
    if backward is not None:
        sums, totals = _sums(backward, known)
        for name, node in _assigned(backward):
            if name in sums:
                lines[node.lineno - 1] = _going_on(name, node, lines[node.lineno - 1])
        body = [f"    {prepared} = prepared", f"    {kept} = saved", *_text(back, lines)]
        entries = ", ".join(f'"{name}": {name}' for name in sums)
        texts += [ADD_PRODUCT] if any("add_product(" in line for line in body) else []
        texts.append(
            _function(
                "backward",
                _arguments(backward, ["prepared", "sums"]),
                body,
                f"parameters, inputs, initial, {{{entries}}}",
            )
        )
    own = replace(module, source="\n\n\n".join(texts) + "\n", leaves=tuple(n for n in module.leaves if n in moving))
    return Chunked(own, module.leaves, totals)


# --- what all chunks share ------------------------------------------------------------------------------------------


def _apart(
    function: ast.FunctionDef, statements: Sequence[ast.stmt], known: dict[str, None], sequences: Collection[str] = ()
) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Statements of a function, and apart from them those that read what is known alone: so are their results then.

    Args:
        function, statements: those that may move.
        known: names whose values are the same for all chunks.
        sequences: names of arrays of which all sizes but the first are.
    """
    written = Counter(_words(statements, ast.Store))
    own = {*_words(function.body, ast.Store), *_names(function)}
    here = {name for name in known if not written[name]}
    rest: list[ast.stmt] = []
    apart: list[ast.stmt] = []
    for statement in statements:
        name, read = _computed(statement), own.intersection(_words([statement]))
        if name is None or name in known or written[name] > 1 or not (here >= read or _is_size(statement, sequences)):
            rest.append(statement)
        else:
            apart.append(statement)
            known[name] = None
            here.add(name)
    return rest, apart


def _computed(statement: ast.stmt) -> str | None:
    """The name of what an assignment computes, unless it makes room for what is computed later."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(name)], value=ast.Call() | ast.BinOp() | ast.Subscript() | ast.Attribute() as value
        ):
            called = {part.attr for part in _parts(value) if isinstance(part, ast.Attribute)} | {*_words([value])}
            return None if ROOM & called else name
    return None


def _is_size(statement: ast.stmt, sequences: Collection[str]) -> bool:
    """Whether it is ``D = x.shape[2]``."""
    match statement:
        case ast.Assign(value=ast.Subscript(ast.Attribute(ast.Name(name), "shape"), ast.Constant(place))):
            return name in sequences and place != 0
    return False


# --- sums that go on ------------------------------------------------------------------------------------------------


def _sums(backward: ast.FunctionDef, known: Collection[str]) -> tuple[list[str], frozenset[str]]:
    """Sums over blocks of which nothing but gradients is made, and the leaves whose gradients they are."""
    found = [name for name, node in _assigned(backward) if _is_none(node.value)]
    while True:
        made, gradients, counted = _made(backward, found, known)
        reads = Counter(_words(backward.body))
        elsewhere = {name for one, names in made.items() if reads[one] != counted[one] for name in names}
        if not elsewhere:
            return found, gradients
        found = [name for name in found if name not in elsewhere]


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _made(
    backward: ast.FunctionDef, sums: Collection[str], known: Collection[str]
) -> tuple[dict[str, set[str]], frozenset[str], Counter[str]]:
    """What is made of sums alone: values with the sums in them, gradients; and how often either is read for that."""
    made = {name: {name} for name in sums}
    stored = Counter(_words(backward.body, ast.Store))
    own = {*stored, *_names(backward)} - {*known}
    gradients, counted = set[str](), Counter[str]()

    def is_made(value: ast.expr) -> bool:
        read = [word for word in _words([value]) if word in own]
        if not read or not made.keys() >= set(read):
            return False
        counted.update(read)
        return True

    for name, node in _assigned(backward):
        if isinstance(node.value, ast.Dict):
            entries = zip(node.value.keys, node.value.values, strict=True) if name in ("parameters", "inputs") else ()
            gradients |= {ast.literal_eval(key) for key, value in entries if key is not None and is_made(value)}
        elif name in sums:  # once it is read where a block is added
            counted[name] += isinstance(node.value, ast.Call)
        elif stored[name] == 1 and is_made(node.value):
            made[name] = {one for word in _words([node.value]) for one in made.get(word, ())}
    return made, frozenset(gradients), counted


def _going_on(name: str, node: ast.Assign, line: str) -> str:
    """The line of a sum that begins where the chunk before left it, or of one with a product more."""
    match node.value:
        case ast.Constant(None):
            text = f"sums.get({name!r})"
        case ast.Call(args=[total, ast.BinOp(left, ast.MatMult(), right)]):
            text = f"add_product({', '.join(map(ast.unparse, (total, left, right)))})"
        case _:
            return line
    return f"{line[: node.col_offset]}{name} = {text}{''.join(line.partition('  # ')[1:])}"


# --- text -------------------------------------------------------------------------------------------------------------


def _function(name: str, arguments: str, lines: Sequence[str], result: str) -> str:
    return "\n".join([f"def {name}({arguments}):", *lines, f"    return {result}"])


def _text(statements: Iterable[ast.stmt], lines: Sequence[str]) -> list[str]:
    """As they were written."""
    return [line for statement in statements for line in lines[statement.lineno - 1 : statement.end_lineno]]


def _names(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]


def _arguments(function: ast.FunctionDef, first: Iterable[str], without: Collection[str] = ()) -> str:
    """Arguments of a function, with some more before them and without others."""
    own = function.args
    own.args = [*map(ast.arg, first), *(argument for argument in own.args if argument.arg not in without)]
    return ast.unparse(own)


def _assigned(function: ast.FunctionDef) -> Iterator[tuple[str, ast.Assign]]:
    """Assignments to one name, in order."""
    for statement in function.body:
        for part in _parts(statement):
            if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
                yield part.targets[0].id, part


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    last = function.body[-1]
    assert isinstance(last, ast.Return)
    assert isinstance(last.value, ast.Tuple)
    return last.value.elts


def _words(nodes: Iterable[ast.AST], context: type[ast.expr_context] = ast.Load) -> Iterator[str]:
    """Names that are read, or stored, in order."""
    for node in nodes:
        for part in _parts(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, context):
                yield part.id


@lru_cache(maxsize=2**9)  # statements of about two modules
def _parts(node: ast.AST) -> tuple[ast.AST, ...]:
    """Names, attributes and assignments in a tree, which is searched once."""
    return tuple(part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute | ast.Assign))


def _tuple(names: Iterable[str]) -> str:
    found = list(names)
    return f"({', '.join(found)}{',' if len(found) == 1 else ''})"
