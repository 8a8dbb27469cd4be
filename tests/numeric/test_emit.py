"""The generated source and the printer: what it says, that it stays the same, that nobody's names break it.

The kernels of the RNN and the LSTM are kept as golden files in ``tests/golden``.  After a change that is meant,
``BPTT_GOLDEN=write pytest tests/numeric/test_emit.py`` writes them anew; look at the difference.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

import derive
from derive.expr import apply, ref, step
from derive.library import load
from derive.primitives import TABLE
from numeric import draws
from numeric.arithmetic import NUMPY, meaning
from numeric.emit_helpers import HELPERS
from numeric.emit_products import best_split
from numeric.kernel import compile
from numeric.printer import Printer, bare, is_atom, scalar
from tests.numeric.agreement import SYSTEMS, worst_difference

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_golden(name):
    source = compile(load(name)).source
    file = GOLDEN / f"kernel_{name}.py"
    if os.environ.get("BPTT_GOLDEN") == "write":
        file.write_text(source, encoding="utf-8")
    assert source == file.read_text(encoding="utf-8")


def test_same_in_every_process():
    code = "import sys, derive, numeric.kernel as k\nfor t in sys.argv[1:]: print(k.compile(derive.parse(t)).source)"
    texts = [SYSTEMS["attention"], str(load("lstm")), SYSTEMS["everything-else"]]
    found = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(GOLDEN.parents[1])}
        command = [sys.executable, "-c", code, *texts]
        found.add(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)
    assert len(found) == 1


def test_source_stands_alone():
    """The text runs as a module of its own, without this package."""
    namespace: dict = {}
    exec(compile(load("lstm")).source, namespace)
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((3, 5)) if i % 2 == 0 else rng.standard_normal(3) for i in range(8)]
    outputs, final, saved = namespace["forward"](rng.standard_normal((4, 2, 2)), *weights)
    zero = np.zeros((2, 3))
    parameters, inputs, initial = namespace["backward"](saved, np.ones((4, 2, 3)), zero, zero)
    assert outputs["h"].shape == (4, 2, 3)
    assert list(final) == ["h", "c"]
    assert parameters["W_f"].shape == (3, 5)
    assert inputs["x"].shape == (4, 2, 2)
    assert list(initial) == ["h", "c"]


def loops(source):
    """The loops over steps: those that hold no other."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.For)]
    return [loop for loop in found if sum(isinstance(node, ast.For) for node in ast.walk(loop)) == 1]


def test_products_of_the_lstm():
    """One product and one tanh for all gates a step; weights outside the loops, inputs too or in it."""
    source = compile(load("lstm")).source
    few, forward, backward = sorted(loops(source), key=lambda loop: loop.lineno)
    for loop in (few, forward, backward):
        assert ast.unparse(loop).count("times_W") == 1
        assert "@" not in ast.unparse(loop)
        assert "np.concatenate" not in ast.unparse(loop)
    assert ast.unparse(few).count("tanh(z,") == ast.unparse(forward).count("tanh(z,") == 1
    assert len(few.body) == 9
    assert len(forward.body) == 10
    assert len(backward.body) == 9
    assert not re.search(r"\bdW|\bdb", ast.unparse(backward))


def test_numbers_of_equations():
    source = compile(load("lstm")).source
    listed = [int(number) for number in re.findall(r"^\((\d+)\) ", source, re.MULTILINE)]
    system = load("lstm").adjoint(final=("h", "c"))
    assert listed == list(range(1, len(system.equations) + 1))
    assert "(9) c[t] = f[t] * c[t-1] + i[t] * g[t]" in source
    assert "add(c_t, part, c_t)  # (9)" in source


def test_names_that_python_needs():
    system = derive.parse(
        """
        None_[t] = tanh(range @ None_[t-1] + np @ reversed[t] + T * ValueError + DTYPE)
        saved[t] = None_[t] * B + t_0
        """.replace("None_", "forward")
    )
    for case in draws.cases(system, 3):
        assert worst_difference(compile(system), case) <= 1e-12
    source = compile(system).source
    assert len(loops(source)) == 3  # one of them where weights are few
    assert "def forward(reversed_2, range_2, np_2, T" in source


def test_names_that_the_module_imports():
    system = derive.parse("add[t] = max(multiply @ add[t-1], maximum) * copyto + tanh(x[t])\nempty[t] = relu(add[t-1])")
    for case in draws.cases(system, 3):
        assert worst_difference(compile(system), case) <= 1e-12


@pytest.mark.parametrize("evil", ['W"""\nraise SystemExit\n#{x}\\', "h'", "lambda", "__import__", "", "W x", "2a"])
def test_names_beyond_identifiers_are_refused(evil):
    """Names given in Python obey the rules of the text, so that none of them can end up as code."""
    with pytest.raises(derive.EquationError, match=r"is no name|is reserved"):
        derive.define({ref("h", step("t")): apply("tanh", ref(evil) * ref("x", step("t")))})


@pytest.mark.parametrize("rows", [3, 130])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scatter_adds_up_what_occurs_twice(rows, dtype):
    namespace = {"np": np}
    exec(HELPERS["scatter"], namespace)
    rng = np.random.default_rng(0)
    v, j = rng.integers(-9, 9, (6, 2, rows)).astype(dtype), rng.integers(0, 4, (6, 2))
    wanted = np.zeros((5, rows), dtype)
    np.add.at(wanted, j, v)
    found = namespace["scatter"](v, j, 5)
    assert found.dtype == dtype
    assert np.array_equal(found, wanted)


# --- the printer -----------------------------------------------------------------------------------------------------


def text_of(expr):
    return Printer().doprint(scalar(expr, lambda leaf: sympy.Symbol(leaf.name)))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("c + a - b", "c + a - b"),
        ("a - (b - c)", "a - (b - c)"),
        ("-a * b", "-a * b"),
        ("a / (b * c)", "a / (b * c)"),
        ("a * b / c * d", "a * b / c * d"),
        ("1 / a", "1 / a"),
        ("(a + b) * c", "(a + b) * c"),
        ("a * (b / c)", "a * b / c"),
        ("2 * a - 3 * b", "2 * a - 3 * b"),
        ("a**2 + (a + b)**3", "np.square(a) + (a + b)**3"),
        ("a**-2", "1 / np.square(a)"),
        ("(a * b)**0.5", "np.sqrt(a * b)"),
        ("tanh(a) + tanh(2)", "np.tanh(a) + 0.9640275800758169"),
        ("max(a, -b)", "np.maximum(a, -b)"),
        ("0.1 * a", "0.1 * a"),
        ("1000000000 * a", "1000000000.0 * a"),
    ],
)
def test_printed(text, printed):
    names = "abcd"
    system = derive.parse(
        "".join(f"{n} : H\n" for n in names if n in text.replace("tanh", "").replace("max", "")) + f"y = {text}"
    )
    assert text_of(system.equations[0].expr) == printed


@pytest.mark.parametrize("name", [name for name, record in TABLE.items() if record.is_elementwise])
def test_printed_functions_mean_what_they_say(name):
    """The NumPy text of every record, on arguments that need parentheses, against its scalar meaning."""
    record = TABLE[name]
    operands = [ref("a"), ref("b")][: record.arity]
    rng = np.random.default_rng(0)
    low, high = record.domain
    values = {"a": rng.uniform(low / 2, high / 2, 50), "b": rng.uniform(low / 2, high / 2, 50)}
    printed = text_of(apply(name, *(operand + operand for operand in operands)) * ref("a"))
    for dtype in ("float64", "float32"):
        arrays = {key: value.astype(dtype) for key, value in values.items()}
        got = eval(printed, {"np": np, **arrays})
        wanted = meaning(name)(NUMPY, [2 * arrays[operand.name] for operand in operands]) * arrays["a"]
        assert got.dtype == dtype
        assert np.allclose(got, wanted, rtol=1e-12 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize(
    ("text", "atom"), [("a", True), ("f(a, b)", True), ("a[t].T", True), ("(a + b)", True), ("a + b", False),
                       ("(a) + (b)", False), ("-a", False), ("0.5", True), ("x[..., None]", True)],
)  # fmt: skip
def test_atoms(text, atom):
    assert is_atom(text) is atom


def test_bare():
    assert bare("((a + b))") == "a + b"
    assert bare("(a) + (b)") == "(a) + (b)"
    assert bare("(a, b)") == "(a, b)"


def test_chains_are_multiplied_in_the_cheap_order():
    n, one = sympy.Symbol("n"), sympy.Integer(1)
    assert best_split([(n, n), (n, n), (n, one)]) == 1
    assert best_split([(n, n), (n, one), (one, n)]) == 2
    assert best_split([(one, n), (n, n), (n, n)]) == 2
