r"""LaTeX equations read as a tree: terms, factors, functions, brackets.

Read next: `derive.tex.meaning`.
"""

from __future__ import annotations

from dataclasses import replace

from derive.tex.marks import TURNED, Cursor, is_symbol, read_symbol
from derive.tex.tokens import Row, Token
from derive.tex.tree import Call, Mark, Number, Product, Raised, Stack, Statement, Sum, Symbol, Total, Tree
from derive.words import ALIASES, FUNCTIONS

NAMED = {r"\sigma": "sigmoid", r"\tanh": "tanh", r"\exp": "exp", r"\log": "log", r"\max": "max", r"\min": "min",
         r"\sin": "sin", r"\cos": "cos"}  # fmt: skip
WORDS = {**{name: name for name in FUNCTIONS}, **ALIASES, "sgn": "sign", "swish": "silu", "SiLU": "silu",
         "Softmax": "softmax", "SoftMax": "softmax", "Tanh": "tanh", "Sigmoid": "sigmoid", "ln": "log"}  # fmt: skip
PRODUCTS = {r"\cdot": "·", r"\times": "·", r"\odot": "*", r"\circ": "*", r"\otimes": "*", "*": "ast", "/": "/"}
CLOSERS = {")", "]", "}", ",", ";", "=", r"\end", r"\\"}
LOSSES = ("L", "l", "J", "E")  # whose arguments in brackets say what they are computed from, not what multiplies them
MAX_NESTING = 40


def read_statement(row: Row) -> Statement:
    """One equation.

    Raises:
        EquationError: with a reason and the place.
    """
    cursor = Cursor(row)
    if not is_symbol(cursor.token):
        raise row.error("an equation begins with the quantity that it defines", cursor.token)
    left = read_symbol(cursor)
    if cursor.at("("):  # the arguments of a loss, as in L(ŷ, y) = …, say nothing that the right side does not
        _group(cursor)
    if cursor.at(":"):
        cursor.take()
    cursor.expect("=")
    if cursor.place == len(row.tokens) - 1 and (named := _named(row.tokens[-1])):
        return Statement(left, Call(named, (), cursor.take()), row)  # g = \tanh: which function is meant by g
    right = _total(cursor, 0)
    if cursor.at("="):
        raise row.error("one '=' per equation: write a = b and b = c in two lines", cursor.token)
    if cursor.at(","):
        raise row.error("one equation a line", cursor.token)
    if cursor.token is not None:
        raise row.error(f"{cursor.token.text!r} is not expected here", cursor.token)
    return Statement(left, right, row)


def _total(cursor: Cursor, depth: int) -> Tree:
    """Terms."""
    if depth > MAX_NESTING:
        raise cursor.row.error(f"more than {MAX_NESTING} brackets inside each other", cursor.token)
    terms: list[tuple[str, Tree]] = []
    sign = cursor.take().text if cursor.at("+", "-") else "+"
    while True:
        terms.append((sign, _product(cursor, depth)))
        if not cursor.at("+", "-"):
            break
        sign = cursor.take().text
    return terms[0][1] if len(terms) == 1 and terms[0][0] == "+" else Total(tuple(terms))


def _product(cursor: Cursor, depth: int) -> Tree:
    """Factors, beside each other or with a sign between."""
    factors: list[tuple[str, Tree, Token]] = []
    sign = ""
    while cursor.token is not None and cursor.token.text not in CLOSERS and not cursor.at("+", "-"):
        if cursor.token.text in PRODUCTS:
            token = cursor.take()
            if not factors or sign:
                raise cursor.row.error(f"nothing stands left of {token.text}", token)
            sign = PRODUCTS[token.text]
            continue
        token = cursor.token
        factors.append((sign, _raised(cursor, depth), token))
        sign = ""
    if not factors or sign:
        found = f", not {cursor.token.text!r}" if cursor.token else ""
        raise cursor.row.error(f"a term is expected{found}", cursor.token)
    return factors[0][1] if len(factors) == 1 else Product(tuple(factors))


def _raised(cursor: Cursor, depth: int) -> Tree:
    tree = _factor(cursor, depth)
    if isinstance(tree, Symbol) and Mark(TURNED) in tree.above:
        tree = Raised(replace(tree, above=tuple(mark for mark in tree.above if mark.text != TURNED)), None)
    while cursor.at("^"):
        token = cursor.take()
        braced = cursor.at("{")
        if braced:
            cursor.take()
        if isinstance(tree, Symbol) and tree.base == "e" and not tree.below and braced:
            tree = Call("exp", (_total(cursor, depth + 1),), tree.token)
        elif cursor.at(r"\top", "T"):
            cursor.take()
            tree = Raised(tree, None)
        else:
            sign = cursor.take().text if cursor.at("-") else ""
            if cursor.token is None or cursor.token.kind != "number":
                raise cursor.row.error("a power is a number, and a transpose \\top", cursor.token or token)
            tree = Raised(tree, sign + cursor.take().text)
        if braced:
            cursor.expect("}")
    return tree


def _factor(cursor: Cursor, depth: int) -> Tree:
    token = cursor.token
    assert token is not None
    if token.kind == "number":
        return Number(cursor.take().text)
    if token.text in ("{", "(", "["):
        return _bracket(cursor, depth)
    if (token.kind, token.text) == ("matrix", r"\begin"):
        return _column(cursor, depth)
    if token.text == r"\frac":
        cursor.take()
        above, below = _braces(cursor, depth), _braces(cursor, depth)
        return Product((("", above, token), ("/", below, token)))
    if token.text == r"\sqrt":
        cursor.take()
        return Call("sqrt", (_braces(cursor, depth),), token)
    if token.text == r"\sum":
        return _sum(cursor, depth)
    if (function := _function(cursor, token)) is not None:
        return _call(cursor, function, depth)
    if token.text == r"\underbrace":
        cursor.take()
        inner = _braces(cursor, depth)
        if cursor.at("_"):
            cursor.take()
            _group(cursor)
        return inner
    if token.text == r"\vec" and [t.text for t in cursor.row.tokens[cursor.place + 1 : cursor.place + 4]] == [
        "{",
        "0",
        "}",
    ]:
        cursor.place += 4
        return Number("0")
    if _is_exponential(cursor):
        return Symbol("e", (), (), cursor.take())
    if is_symbol(token):
        symbol = read_symbol(cursor)
        if cursor.at("(") and symbol.base in LOSSES and _lists(cursor):
            _group(cursor)
        return symbol
    reason = "has no meaning in an equation" if token.text.startswith("\\") else "is not expected here"
    raise cursor.row.error(f"{token.text} {reason}", token)


def _is_exponential(cursor: Cursor) -> bool:
    """Whether here stands e^{…} with more than a mark as exponent."""
    tokens = cursor.row.tokens[cursor.place : cursor.place + 4]
    texts = [token.text for token in tokens]
    return texts[:3] == ["e", "^", "{"] and texts[3:4] != [r"\langle"] and texts[3:4] != ["<"] and texts[3:4] != ["("]


def _function(cursor: Cursor, token: Token) -> str | None:
    """The function that begins here; a marked one (σ_g) is a quantity's name until the text says what it is."""
    after = cursor.row.tokens[cursor.place + 1].text if cursor.place + 1 < len(cursor.row.tokens) else ""
    if token.text == r"\sigma" and after in ("_", "^", *CLOSERS, *PRODUCTS, "+", "-", ""):
        return None
    return _named(token)


def _named(token: Token) -> str | None:
    return WORDS.get(token.text) if token.kind == "word" else NAMED.get(token.text)


def _call(cursor: Cursor, function: str, depth: int) -> Tree:
    token = cursor.take()
    power = None
    if cursor.at("^"):
        cursor.take()
        if cursor.token is None or cursor.token.kind != "number":
            raise cursor.row.error(f"{token.text}^ is followed by a number", cursor.token)
        power = cursor.take().text
    if cursor.at("_"):  # max_i, log_2 and the like
        raise cursor.row.error(f"{token.text} takes no mark", cursor.token)
    if cursor.at("(", "[", "{"):
        arguments = _arguments(cursor, depth)
    elif cursor.token is None or cursor.token.text in CLOSERS or cursor.at("+", "-"):
        raise cursor.row.error(f"{token.text} of what?", token)
    else:
        arguments = (_raised(cursor, depth),)
    call = Call(function, arguments, token)
    return call if power is None else Raised(call, power)


def _arguments(cursor: Cursor, depth: int) -> tuple[Tree, ...]:
    opening = cursor.take().text
    closing = {"(": ")", "[": "]", "{": "}"}[opening]
    found = [_total(cursor, depth + 1)]
    while cursor.at(","):
        cursor.take()
        found.append(_total(cursor, depth + 1))
    cursor.expect(closing)
    return tuple(found)


def _bracket(cursor: Cursor, depth: int) -> Tree:
    """``(a + b)``, ``{a}``, or a concatenation ``[a, b]``, ``[a; b]``."""
    opening = cursor.take()
    parts = [_total(cursor, depth + 1)]
    while cursor.at(",", ";"):
        token = cursor.take()
        if opening.text != "[":
            raise cursor.row.error("rows are stacked in square brackets, [a, b]", token)
        parts.append(_total(cursor, depth + 1))
    cursor.expect({"(": ")", "[": "]", "{": "}"}[opening.text])
    if opening.text == "[" and len(parts) == 1 and isinstance(parts[0], Product) and not _signed(parts[0]):
        raise cursor.row.error("is this a stack or a product? Write [a, b] or (a b)", opening)
    return Stack(tuple(parts)) if len(parts) > 1 else parts[0]


def _signed(product: Product) -> bool:
    return any(sign for sign, _, _ in product.factors) or any(
        isinstance(f, Number | Call) for _, f, _ in product.factors
    )


def _column(cursor: Cursor, depth: int) -> Tree:
    """A matrix of one column, as a stack."""
    cursor.take()
    parts = [_total(cursor, depth + 1)]
    while cursor.at(r"\\"):
        cursor.take()
        if not (cursor.token is not None and cursor.token.kind == "matrix"):
            parts.append(_total(cursor, depth + 1))
    if not cursor.at(r"\end"):
        raise cursor.row.error("a matrix is read if it has one column, its rows separated by \\\\", cursor.token)
    cursor.take()
    return Stack(tuple(parts)) if len(parts) > 1 else parts[0]


def _sum(cursor: Cursor, depth: int) -> Tree:
    """``\\sum_{t=1}^{T} e``; it reaches to the end of the term."""
    token = cursor.take()
    if not cursor.at("_"):
        raise cursor.row.error("a sum says over what: \\sum_t, or \\sum_i for the entries of a vector", token)
    cursor.take()
    inside = _group(cursor) if cursor.at("{") else [cursor.take()]
    letter = inside[0].text if inside else ""
    if len(letter) != 1 or not letter.isalpha() or (len(inside) > 1 and inside[1].text != "="):
        raise cursor.row.error("a sum runs over one letter, as in \\sum_{t=1}^{T}", token)
    if len(inside) > 1 and [sign.text for sign in inside[2:]] not in (["1"],):
        raise cursor.row.error("a sum begins at 1", inside[-1])
    if cursor.at("^"):
        cursor.take()
        _group(cursor) if cursor.at("{") else cursor.take()
    return Sum(letter, _product(cursor, depth), token)


def _braces(cursor: Cursor, depth: int) -> Tree:
    if cursor.token is not None and cursor.token.kind == "number":
        return Number(cursor.take().text)
    cursor.expect("{")
    inner = _total(cursor, depth + 1)
    cursor.expect("}")
    return inner


def _lists(cursor: Cursor) -> bool:
    """Whether the bracket that opens here holds a list, as in L(ŷ, y)."""
    inside = _group(Cursor(cursor.row, cursor.place))
    return any(token.text == "," for token in inside)


def _group(cursor: Cursor) -> list[Token]:
    """Everything in the bracket that opens here."""
    pairs = {"(": ")", "{": "}"}
    opening = cursor.take()
    closing, depth = pairs[opening.text], 1
    found: list[Token] = []
    while True:
        token = cursor.take()
        depth += (token.text == opening.text) - (token.text == closing)
        if depth == 0:
            return found
        found.append(token)
