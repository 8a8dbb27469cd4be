r"""LaTeX formulas that every writer can set: the commands allowed, the check, and an estimate of the width.

A formula is LaTeX as it stands between dollars: ``\delta z^{f}_{t} \odot f_t``. Two programs read it,
pdflatex and latex2mathml, and both fail late or silently: latex2mathml prints an unknown command as text,
TeX would run ``\input``. So a formula is checked when the report is built: only commands of the table
below, braces, ``\left`` and ``\right`` and environments in pairs, no comment, no ``^^``. A test sets
every command of the table in both. ``\operatorname*``, ``\arg`` and ``aligned`` are absent because
latex2mathml breaks on them.

Read next: `reports.document`.
"""

from __future__ import annotations

import re
from functools import lru_cache

GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho "
    "varrho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi "
    "Psi Omega"
)
LETTERS = "partial nabla infty ell top bot prime hbar emptyset forall exists"
OPERATORS = (
    "cdot times div ast star circ bullet odot oplus ominus otimes pm mp wedge vee neg cup cap setminus "
    "in notin ni subset subseteq supset le leq ge geq ne neq equiv approx sim simeq propto ll gg "
    "to mapsto rightarrow leftarrow leftrightarrow Rightarrow Leftarrow Leftrightarrow longrightarrow "
    "implies iff uparrow downarrow mid parallel perp triangleq coloneqq ldots cdots vdots ddots dots"
)
BIG = "sum prod int bigoplus bigotimes bigcup bigcap"
FUNCTIONS = "exp log ln sin cos tan sinh cosh tanh max min sup inf lim det dim ker gcd Pr deg"
FENCES = "lvert rvert lVert rVert langle rangle lfloor rfloor lceil rceil lbrace rbrace"
SPACES = "quad qquad"
WITH_ARGUMENT = (
    "mathrm mathbf mathit mathsf mathtt mathbb mathcal mathfrak boldsymbol operatorname text "
    "hat widehat bar tilde widetilde dot ddot vec overline underline underbrace overbrace sqrt "
    "substack phantom"
)
WITH_ARGUMENTS = "frac dfrac tfrac binom overset underset stackrel"
LAYOUT = "left right bigl bigr Bigl Bigr displaystyle textstyle begin end"
SIGNS = frozenset([",", ";", ":", "!", "{", "}", "_", "|", "\\"]) | {" "}  # \, \; … \{ and the line end of a matrix
ENVIRONMENTS = frozenset(["matrix", "bmatrix", "pmatrix", "vmatrix", "cases"])
COMMANDS = frozenset(
    " ".join((GREEK, LETTERS, OPERATORS, BIG, FUNCTIONS, FENCES, SPACES, WITH_ARGUMENT, WITH_ARGUMENTS, LAYOUT)).split()
)

_COMMAND = re.compile(r"\\([A-Za-z]+|.|$)", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([^{}]*)\}")
_TEXT = re.compile(r"\\(text|operatorname)\{((?:\\.|[^{}\\])*)\}")


class FormulaError(ValueError):
    """A formula that the writers cannot set; says what is wrong with which formula."""

    def __init__(self, formula: str, problem: str) -> None:
        self.formula, self.problem = formula, problem
        super().__init__(f"{problem}, in the formula {formula if len(formula) < 90 else formula[:87] + '...'}")


@lru_cache(maxsize=8192)
def check(formula: str) -> None:
    """Raise `FormulaError` unless both writers can set the formula."""
    if not formula.strip():
        raise FormulaError(formula, "nothing to set")
    for match in _COMMAND.finditer(formula):
        if match[1] not in COMMANDS and match[1] not in SIGNS:
            raise FormulaError(formula, f"unknown command \\{match[1]} (the table is in reports/formula.py)")
    bare = _COMMAND.sub(" ", formula)
    for sign, meaning in (("%", "starts a comment"), ("#", "is a macro argument"), ("$", "ends the formula")):
        if sign in bare:
            raise FormulaError(formula, f"'{sign}' {meaning} in LaTeX")
    if "^^" in bare or any(ord(char) < 32 for char in bare):
        raise FormulaError(formula, "a control character or ^^")
    for match in _TEXT.finditer(formula):
        if re.search(r"(?<!\\)[_^&]", match[2]):
            raise FormulaError(formula, f"'_', '^' or '&' without backslash in \\{match[1]}")
    _check_pairs(formula, bare)
    _check_scripts(formula)


def _check_pairs(formula: str, bare: str) -> None:
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            raise FormulaError(formula, "'}' without '{'")
    if depth:
        raise FormulaError(formula, "'{' without '}'")
    words = [match[1] for match in _COMMAND.finditer(formula)]
    if words.count("left") != words.count("right"):
        raise FormulaError(formula, r"\left and \right do not pair")
    opened: list[str] = []
    for match in _ENVIRONMENT.finditer(formula):
        if match[2] not in ENVIRONMENTS:
            raise FormulaError(formula, f"the environment {match[2]} is not among {', '.join(sorted(ENVIRONMENTS))}")
        if match[1] == "begin":
            opened.append(match[2])
        elif not opened or opened.pop() != match[2]:
            raise FormulaError(formula, f"\\end{{{match[2]}}} without its \\begin")
    if opened or len(_ENVIRONMENT.findall(formula)) != words.count("begin") + words.count("end"):
        raise FormulaError(formula, r"\begin and \end do not pair")
    outside = re.sub(r"\\begin\{.*\\end\{[a-z]+\}", "", formula, flags=re.DOTALL)
    if "&" in outside or ("\\\\" in outside and "\\substack" not in outside):
        raise FormulaError(formula, r"'&' or '\\' outside a matrix")


_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|[^\s]", re.DOTALL)


def _check_scripts(formula: str) -> None:
    """Neither a^b^c nor a_b_c, at which TeX stops: nothing has two scripts of a kind."""
    levels: list[set[str]] = [set()]
    script = False
    for token in _TOKEN.findall(formula):
        if token == "}":
            levels.pop()
        elif token in "^_":
            if token in levels[-1]:
                raise FormulaError(formula, f"two '{token}' on one symbol")
            levels[-1].add(token)
            script = True
            continue
        elif not script:
            levels[-1].clear()
        if token == "{":
            levels.append(set())
        script = False


_FRACTION = re.compile(r"\\[dt]?(?:frac|binom)\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}")
_SCRIPT = re.compile(r"[_^](?:\{((?:[^{}]|\{[^{}]*\})*)\}|\\[A-Za-z]+|.)")
_INVISIBLE = re.compile(
    r"\\(?:left|right|math[a-z]+|boldsymbol|operatorname|text|displaystyle|[Bb]ig[lr])\b|[{}]|\\[,!;: ]"
)


@lru_cache(maxsize=8192)
def width(formula: str) -> float:
    """Estimated width in em: good to a fifth, enough to choose between layouts, never to place anything."""
    extra = 0.0
    while match := _FRACTION.search(formula):
        extra += max(width(match[1]), width(match[2])) + 0.3
        formula = formula[: match.start()] + formula[match.end() :]
    scripts = [match[1] or "x" for match in _SCRIPT.finditer(formula)]
    extra += sum(0.7 * width(script) for script in scripts)
    plain = _INVISIBLE.sub("", _SCRIPT.sub("", formula))
    for name in re.findall(r"\\([A-Za-z]+)", plain):
        extra += 0.5 * len(name) if name in FUNCTIONS.split() else 0.75 + 0.55 * (name in OPERATORS.split())
    rest = re.sub(r"\\[A-Za-z]+\s*|\\.", "", plain)
    return extra + sum(1.3 if char in "+-=<>" else 0.55 for char in rest if char != " ")
