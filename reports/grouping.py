r"""Equations and terms that are equal up to names, printed as one: q ∈ {f, i, o}, and Σ over gates.

Two equations are equal up to names if one becomes the other by exchanging marks everywhere: ``z_f`` for ``z_i``,
``W_f`` for ``W_i``, ``b_f`` for ``b_i``; in a network ``W_f_fwd`` for ``W_i_fwd``, or for ``W_f_bwd``. Marks are the
words of a name after its first; of a derived quantity those of what it belongs to, by its origin. Names without a mark
in common (f and i themselves) stay apart.

Read next: `reports.derivation`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sympy

from derive.equation import COPIES, PRIMAL, Equation
from derive.expr import Op, Ref, neg, ref
from derive.latex import signed
from derive.system import System
from derive.typeset import additive, typeset
from reports.anatomy import part_of
from reports.notation import SystemNames

LETTERS = "qkjlm"
NAMED_AFTER = ("pre-activation", "operand")  # kinds of origin whose names hold the name of what they belong to


@dataclass(frozen=True)
class Group:
    """Equations, or terms, that are equal up to names.

    Attributes:
        members: positions in the list that was grouped, in order.
        keys: the mark of every member; empty for a single one.
        varying: names of the first member of which a mark varies, and how many words of their spelling follow it.
    """

    members: tuple[int, ...]
    keys: tuple[str, ...] = ()
    varying: tuple[tuple[str, int], ...] = ()

    @property
    def first(self) -> int:
        """The member that is printed."""
        return self.members[0]


def root(system: System, name: str) -> str:
    """The quantity that a cotangent belongs to; a quantity of the primal itself."""
    var = system.variables.get(name)
    while var is not None and var.origin is not None and var.origin.kind not in PRIMAL:
        if var.origin.of not in system.variables:
            break
        name, var = var.origin.of, system.variables[var.origin.of]
    return name


@dataclass(frozen=True)
class Marks:
    """A name taken apart for comparison.

    Attributes:
        key: what the name is apart from its marks.
        words: its marks: f and fwd of ``W_f_fwd``.
        after: how many words of its spelling follow them.
    """

    key: object
    words: tuple[str, ...]
    after: int = 0


def marked(system: System, name: str) -> Marks | None:
    """A name as `Marks`; None without a mark."""
    var = system.variables.get(name)
    if var is not None and var.origin is not None and var.origin.kind not in COPIES:
        if var.origin.kind in NAMED_AFTER:
            rest = name.partition(var.origin.of)[2]
            return Marks((var.origin.kind, rest), tuple(var.origin.of.split("_")), len(rest.split("_")) - 1)
        inner = marked(system, var.origin.of) if var.origin.of in system.variables else None
        return None if inner is None else Marks((var.origin.kind, var.origin.at, inner.key), inner.words, inner.after)
    base, *words = name.split("_")
    return Marks(base, tuple(words)) if base and words and all(words) else None


Items = Sequence[sympy.Basic]
Exchange = dict[str, tuple[str, str, int]]


def unify(system: System, first: Items, second: Items) -> Exchange | None:
    """Names of the first of which one mark must be exchanged to get the second; None if nothing does.

    The same two marks everywhere. With each name, how many words of its spelling follow the mark.
    """
    found: Exchange = {}
    fixed: set[str] = set()
    same = len(first) == len(second) and all(
        _walk(system, a, b, found, fixed) for a, b in zip(first, second, strict=True)
    )
    return None if not same or set(found) & fixed or len({pair[:2] for pair in found.values()}) > 1 else found


def _walk(system: System, a: sympy.Basic, b: sympy.Basic, found: Exchange, fixed: set[str]) -> bool:
    if isinstance(a, Ref) and isinstance(b, Ref):
        if a.index != b.index:
            return False
        if a.name == b.name:
            fixed.add(root(system, a.name))
            return True
        left, right = marked(system, a.name), marked(system, b.name)
        if left is None or right is None or left.key != right.key or len(left.words) != len(right.words):
            return False
        differ = [place for place, words in enumerate(zip(left.words, right.words, strict=True)) if len(set(words)) > 1]
        if len(differ) != 1 or _shape(system, a) != _shape(system, b):
            return False
        follow = left.after + len(left.words) - 1 - differ[0]
        pair = (left.words[differ[0]], right.words[differ[0]], follow)
        return found.setdefault(root(system, a.name), pair) == pair
    if isinstance(a, Op) and isinstance(b, Op):
        same = a.primitive == b.primitive and a.static == b.static and len(a.operands) == len(b.operands)
        if same and a.primitive == "rows" and a != b:  # blocks of matrices are printed with what they multiply
            parts = [part_of(system, block) for block in (a, b)]
            same = "" in parts or _walk(system, ref(parts[0]), ref(parts[1]), found, fixed)
        return same and all(_walk(system, x, y, found, fixed) for x, y in zip(a.operands, b.operands, strict=True))
    return a == b


def _shape(system: System, read: Ref) -> tuple[sympy.Expr, ...] | None:
    return system.variables[read.name].shape if read.name in system.variables else None


def group(system: System, items: Sequence[Items], least: int = 2, apart: Collection[str] = ()) -> list[Group]:
    """Items that are equal up to names, together at the place of the first.

    Fewer than `least` stay apart, and so do items that would have to exchange a name of `apart`: a user has said how
    that is written.
    """
    open_: list[tuple[list[int], list[str], Exchange]] = []
    for position, item in enumerate(items):
        for members, keys, varying in open_:
            match = unify(system, items[members[0]], item)
            if not match or (varying and _places(match) != _places(varying)):
                continue
            if apart and not {*match, *(unify(system, item, items[members[0]]) or ())}.isdisjoint(apart):
                continue
            old, new, _ = next(iter(match.values()))
            if new not in keys:
                keys += [old, new] if not keys else [new]
                members.append(position)
                varying.update(match)
                break
        else:
            open_.append(([position], [], {}))
    groups = []
    for members, keys, varying in open_:
        if 1 < len(members) < least:
            groups += [Group((member,)) for member in members]
        else:
            groups.append(Group(tuple(members), tuple(keys), tuple(_places(varying).items())))
    return sorted(groups, key=lambda found: found.first)


def _places(varying: Exchange) -> dict[str, int]:
    return {name: follow for name, (_, _, follow) in varying.items()}


def group_equations(
    system: System, equations: Sequence[Equation], least: int = 2, apart: Collection[str] = ()
) -> list[Group]:
    """Equations that are equal up to names."""
    return group(system, [(equation.out, equation.expr) for equation in equations], least, apart)


def letter_for(system: System) -> str:
    """A letter that runs over gates: the first that is no name and no mark."""
    words = {word for name in system.variables for word in (name, *name.split("_"))}
    return next((letter for letter in LETTERS if letter not in words), LETTERS[0])


def range_of(names: SystemNames, found: Group) -> str:
    r"""``q \in \{f, i, o\}``."""
    marks = ", ".join(names.mark(key, found.varying) for key in found.keys)
    return rf"{letter_for(names.system)} \in \{{{marks}\}}"


def grouped_terms(expr: sympy.Expr, names: SystemNames, least: int = 3) -> tuple[str, ...]:
    """Additive terms as LaTeX, where terms equal up to names are one sum over their marks."""
    parts = additive(expr)
    letter = letter_for(names.system)
    result: list[str] = []
    items = [(neg(part) if negative else part,) for _, negative, part in parts]
    for found in group(names.system, items, least, names.spellings.apart):
        _, negative, part = parts[found.first]
        inner = names.for_all(found.varying, letter) if found.keys else names
        text = typeset(part, inner, like=expr, negative=negative or bool(found.keys))
        if found.keys:
            text = rf"\sum_{{{range_of(names, found)}}} {text}"
        result.append(signed(text, negative, not result))
    return tuple(result)
