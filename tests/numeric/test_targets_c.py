"""C99 out: compiled without warnings, and the file's own check holds, also with other sizes; a fault in it is found."""

import shutil
import subprocess

import pytest

import derive
from derive.library import load, names
from numeric.targets.c import c_source
from tests.numeric.agreement import SYSTEMS

COMPILER = next((name for name in ("gcc", "cc", "clang") if shutil.which(name)), None)
with_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
OPTIONS = ("-std=c99", "-pedantic", "-O1", "-Wall", "-Wextra", "-Werror")
CELLS = ("rnn-relu", "gru", "lstm-peephole-full", "lstm-layer-norm", "scrn", "ttt-linear", "mlstm")
ODD = ("attention", "lag", "embedding", "python-names", "unicode", "everything-else", "rows", "constants")


def system_of(name):
    return load(name) if name in names() else derive.parse(SYSTEMS[name], name=name)


def outcome(text, folder):
    """Exit status and text of the program."""
    code, program = folder / "cell.c", folder / "cell"
    code.write_text(text, encoding="utf-8")
    subprocess.run([COMPILER, *OPTIONS, "-o", program, code, "-lm"], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@with_compiler
@pytest.mark.parametrize("name", [*CELLS, *ODD])
def test_check_holds(name, tmp_path):
    assert outcome(c_source(system_of(name)), tmp_path) == (0, "the gradient agrees with differences\n")


@with_compiler
def test_other_sizes(tmp_path):
    text = c_source(load("lstm"))
    assert "enum { D = 2, H = 3, T = 4 };" in text
    assert outcome(text.replace("D = 2, H = 3, T = 4", "D = 4, H = 1, T = 1"), tmp_path)[0] == 0


@with_compiler
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("1.0 - square(g[t][row])", "1.0 + square(g[t][row])"),
        ("g_h[t + 1][row] + ", ""),
        ("dc[t][row] * c[t - 1][row]", "dc[t][row] * c[t][row]"),
        ("t == T ? end_c[row]", "t == 1 ? end_c[row]"),
        ("db_o[row] = ", "db_o[row] = 2 * "),
    ],
)
def test_planted_faults_are_found(right, wrong, tmp_path):
    text = c_source(load("lstm"))
    assert right in text
    status, said = outcome(text.replace(right, wrong, 1), tmp_path)
    assert status == 1
    assert "but differences say" in said


def test_text_reads_as_the_equations():
    text = c_source(load("lstm"))
    assert "s1 += W_f[row][k1] * (k1 < H ? h[t - 1][k1] : x[t][k1 - H]);" in text
    assert "c[t][row] = f[t][row] * c[t - 1][row] + i[t][row] * g[t][row]; /* (9) */" in text
    assert text == c_source(load("lstm"))


def test_names_are_made_of_letters():
    text = c_source(derive.parse("η[t] = tanh(double @ η[t-1] + int[t] * exp2)"))
    code = "\n".join(line for line in text.split("*/", 1)[1].splitlines())
    assert code.isascii()
