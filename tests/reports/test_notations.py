"""Notations: any choice of names, time and gradients writes the same equations; files are read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
import sympy

import derive
from derive.equation import PRIMAL
from derive.expr import Ref, ref, step
from derive.networks import NAMED, bidirectional, build
from derive.spelling import compose
from derive.typeset import Names, typeset
from reports.cli import main
from reports.context import Context
from reports.forms import jacobian
from reports.fragments import FragmentError, fragment
from reports.mapping import MappingError, read_mapping
from reports.notation import Notation
from reports.notations import BASES, COTANGENTS, UnknownNotation, notation
from reports.pytorch import in_torch, rows
from reports.rows import equation_rows

SYSTEMS = [*derive.names(), *NAMED]
LSTM = derive.load("lstm")


def load(name: str) -> derive.System:
    return build(name) if name in NAMED else derive.load(name)


@pytest.fixture(scope="module")
def contexts() -> dict[str, Context]:
    return {name: Context(load(name)) for name in SYSTEMS}


# --- the same mathematics ------------------------------------------------------------------------------------------


@dataclass
class Recorder:
    """Names that are written down, to be taken out of what was typeset with them."""

    names: Names
    split: Names
    seen: dict[str, str] = field(default_factory=dict)

    def note(self, text: str, key: str) -> str:
        assert self.seen.setdefault(text, key) == key, f"{key} looks like {self.seen[text]}"
        return text

    def read(self, read: Ref) -> str:
        return self.note(self.names.read(read), f"«{read}»")

    def whole(self, name: str, axis: str) -> str:
        return self.note(self.names.whole(name, axis), f"«{name}[:]»")

    def shape(self, expr: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr] | None:
        return self.names.shape(expr)

    def part(self, expr: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> str | None:
        text = self.names.part(expr, low, high)
        if text is not None:
            self.note(text.removesuffix(r"^{\top}"), f"«{expr}, {low}, {high}»")
        return text

    def summands(self, expr: sympy.Expr) -> tuple[str, ...] | None:
        pieces = self.split.summands(expr)
        if pieces is None:
            return None
        pieces = self.names.summands(expr) or tuple(f"{expr} part {k}" for k in range(len(pieces)))
        return tuple(self.note(piece, f"«{expr} part {k}»") for k, piece in enumerate(pieces))


ELSEWHERE = {code: 0xE000 + code for code in range(256)}  # letters that no name is found in


def skeleton(expr: sympy.Expr, names: Names, split: Names) -> str:
    """The expression as it is printed, with every name replaced by that of the equations."""
    recorder = Recorder(names, split)
    text = typeset(expr, recorder)
    for found in sorted(recorder.seen, key=len, reverse=True):
        key = recorder.seen[found].translate(ELSEWHERE)
        base, up, rest = found.rpartition("^{")  # a ⊤ stands inside of the superscript that a name has
        turned = {rf"{base}{up}{rest.replace('}', chr(92) + 'top}', 1)}", rf"{found[:-1]}\top}}"} if up else ()
        for inside in turned:
            text = text.replace(inside, key + r"^\top")
        text = text.replace(found, key)
    text = text.replace("{", "").replace("}", "").replace(r"\left", "").replace(r"\right", "").replace(r"\!", "")
    return re.sub("\\(([\ue000-\uf8ff]+)\\)", r"\1", text).translate({there: here for here, there in ELSEWHERE.items()})


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_notation_writes_the_same_equations(name, contexts):
    context = contexts[name]
    split = notation("pytorch").names(context.adjoint)
    plain = notation("standard").names(context.adjoint)
    for base in ("ng", "pytorch"):
        names = notation(base).names(context.adjoint)
        for equation in context.reading.equations:
            assert skeleton(equation.expr, names, split) == skeleton(equation.expr, plain, split), str(equation)


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_two_quantities_or_blocks_look_alike(name, contexts):
    adjoint = contexts[name].adjoint
    own = [n for n, v in adjoint.variables.items() if v.origin is None or v.origin.kind in PRIMAL]
    for base in BASES:
        symbols = notation(base).names(adjoint).symbols
        assert len({compose(symbols[n], "") for n in own}) == len(own), base  # an index alone tells none apart
        for cotangent in COTANGENTS:
            names = notation(base, cotangent).names(adjoint)
            texts = [(names.read(ref(n, step(v.axis) if v.axis else None)), n) for n, v in adjoint.variables.items()]
            texts += [(names.block(n, label), n) for n, parts in names.blocks.items() for label, _, _ in parts]
            texts += [(compose(symbol, ""), n) for n, pair in names.torch.double.items() for symbol in pair]
            doubles = {text for text, _ in texts if sum(text == other for other, _ in texts) > 1}
            assert not doubles, (base, cotangent)


@pytest.mark.parametrize("name", ["lstm", "gru-reset-after", "lstm-peephole", "rnn-bidirectional", "lem"])
def test_every_notation_has_the_same_rows(name):
    def rows_of(style: str) -> list[tuple[str, str, int]]:
        context = Context(load(name), notation(style))
        equations = (*context.forward, *context.backward)
        return [(row.label, row.shape, len(row.terms)) for row in equation_rows(context, equations)]

    assert rows_of("ng+bar") == rows_of("standard") == rows_of("pytorch+partial")


@pytest.mark.parametrize("style", ["standard", "ng", "pytorch"])
@pytest.mark.parametrize(
    "system", [derive.load("lstm"), bidirectional(derive.load("gru"))], ids=["lstm", "gru-bidirectional"]
)
def test_a_row_for_many_is_that_of_each(system, style):
    """With the letter exchanged for each of the marks that it is said to run over, it is the row of that one."""
    context = Context(system, notation(style))
    names, seen = context.names, 0
    bars = context.readings.cotangent
    equations = (*context.forward, *context.recursion, *context.of_parameters)
    wanted = [(f, [(ref(e.name),) for e in equations]) for f in context.groups(equations)]
    for found, items in wanted:
        inner = names.for_all(found.varying, "Q")
        for member, key in zip(found.members, found.keys, strict=False):
            mark = names.mark(key, found.varying)
            assert bare(inner.read(items[found.first][0]), mark) == bare(names.read(items[member][0]))
            seen += 1
    for local in context.local:
        inner = names.for_all(local.group.varying, "Q")
        for edge, key in zip(local.edges, local.group.keys, strict=False):
            mark = names.mark(key, local.group.varying)
            one = jacobian(edge, bars[edge.reader.name], names)
            first = jacobian(local.edges[0], bars[local.edges[0].reader.name], inner)
            assert bare(" ".join(first), mark) == bare(" ".join(one))
            seen += 1
    assert seen > 10


def bare(text: str, mark: str = "") -> str:
    """Without braces, which a letter in the place of a mark may need; a letter for an index is that of the mark."""
    return text.replace("Q", mark or "Q").translate(str.maketrans("", "", "{} "))


# --- Ng, PyTorch ---------------------------------------------------------------------------------------------------


def forward(system: derive.System, style: str) -> dict[str, str]:
    context = Context(system, notation(style))
    return {e.name: typeset(e.expr, context.names) for e in context.forward if not e.is_boundary}


def test_ng_calls_the_gate_that_updates_u():
    gru = forward(derive.load("gru"), "ng")
    now, before = r"^{\langle t \rangle}", r"^{\langle t-1 \rangle}"
    assert gru["h"] == rf"\Gamma_{{u}}{now} \odot \tilde{{a}}{now} + (1 - \Gamma_{{u}}{now}) \odot a{before}"
    assert gru["z"] == rf"\sigma(z_{{u}}{now})"
    assert r"\Gamma_{z}" in forward(derive.load("gru-cho"), "ng")["h"]  # there the gate keeps
    gates = "".join(f"{gate}[t] = sigmoid(W_{gate} @ [h[t-1], x[t]])\n" for gate in "pq")
    both = derive.parse(gates + "n[t] = tanh(W_n @ x[t])\nh[t] = h[t-1] + p[t] * n[t] + q[t] * n[t]")
    assert re.findall(r"Gamma_{(.)}", forward(both, "ng")["h"]) == ["p", "q"]  # none of two is the one


TORCH = {  # as the documentation of torch.nn has them, the state before the input
    ("rnn", "z_h"): r"W_{hh}\,h_{t-1} + W_{ih}\,x_{t} + b_{ih} + b_{hh}",
    ("rnn-nobias", "z_h"): r"W_{hh}\,h_{t-1} + W_{ih}\,x_{t}",
    ("lstm", "z_f"): r"W_{hf}\,h_{t-1} + W_{if}\,x_{t} + b_{if} + b_{hf}",
    ("lstm", "z_g"): r"W_{hg}\,h_{t-1} + W_{ig}\,x_{t} + b_{ig} + b_{hg}",
    ("gru-reset-after", "a_r"): r"W_{hr}\,h_{t-1} + W_{ir}\,x_{t} + b_{ir} + b_{hr}",
    ("gru-reset-after", "a_n"): r"W_{in}\,x_{t} + b_{in} + r_{t} \odot (W_{hn}\,h_{t-1} + b_{hn})",
    ("gru", "a_z"): r"W_{hz}\,h_{t-1} + W_{iz}\,x_{t} + b_{z}",  # PyTorch has no such cell
}


@pytest.mark.parametrize(("name", "quantity"), TORCH)
def test_pytorch_writes_two_matrices_and_two_biases(name, quantity):
    assert forward(derive.load(name), "pytorch")[quantity] == TORCH[name, quantity]


def test_pytorch_by_structure_and_not_by_name():
    text = "s[t] = tanh(A @ [x[t], s[t-1]] + c)"
    assert forward(derive.parse(text), "pytorch")["z_s"] == r"W_{is}\,x_{t} + W_{ss}\,s_{t-1} + c_{is} + c_{hs}"


def test_what_is_taken_away_stands_in_parentheses():
    text = "h[t] = tanh(V @ x[t] - W @ [h[t-1], u[t]])"
    assert forward(derive.parse(text), "pytorch")["z_h"] == r"V_{ih}\,x_{t} - (W_{hh}\,h_{t-1} + W_{ih}\,u_{t})"


def test_columns_are_named_by_what_they_multiply():
    names = Context(LSTM, notation("pytorch")).names
    equation = names.system.equation("z_f").expr
    product = equation.operands[0]
    assert names.summands(product) == tuple(names.block("W_f", label) for label, _, _ in names.blocks["W_f"])
    assert [label for label, _, _ in names.blocks["W_f"]] == ["h", "x"]


def test_rows_stand_in_the_order_of_pytorch():
    def stacked(name: str) -> list[list[str]]:
        names = Context(load(name), notation("pytorch")).names
        return [[pair[0] for pair in layer] for layer in rows(names.system, names.torch)]

    assert stacked("lstm") == [["W_{ii}", "W_{if}", "W_{ig}", "W_{io}"]]
    assert stacked("gru-reset-after") == [["W_{ir}", "W_{iz}", "W_{in}"]]
    assert stacked("gru-reset-after-update") == []  # its z is 1 − z of PyTorch
    assert [layer[0] for layer in stacked("lstm-deep")] == ["W_{i,i,1}", "W_{i,i,2}", "W_{i,i,3}"]
    assert "no such layer" in in_torch(Context(derive.load("sru"), notation("pytorch")).names)
    assert "no such layer" not in in_torch(Context(LSTM, notation("pytorch")).names)


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("cell", "order"), [("LSTM", "ifgo"), ("GRU", "rzn")])
def test_the_order_is_that_of_torch(cell, order):
    """The rows of one gate changed in torch change what our equation of that gate computes."""
    import torch

    layer = getattr(torch.nn, cell)(1, 1)
    for row, gate in enumerate(order):
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            layer.bias_ih_l0[row] = 0.7
        state = torch.full((1, 1, 1), 0.3)
        given = (state, torch.full((1, 1, 1), 0.5)) if cell == "LSTM" else state
        values = {"i": 0.0, "f": 0.0, "g": 0.0, "o": 0.0, "r": 0.0, "z": 0.0, "n": 0.0, gate: 0.7}
        s = {name: 1 / (1 + sympy.exp(-value)) for name, value in values.items()}
        c = s["f"] * sympy.Rational(1, 2) + s["i"] * sympy.tanh(values["g"])
        hidden = s["o"] * sympy.tanh(c) if cell == "LSTM" else None
        if hidden is None:
            hidden = (1 - s["z"]) * sympy.tanh(values["n"]) + s["z"] * sympy.Rational(3, 10)
        assert float(layer(torch.zeros(1, 1, 1), given)[0]) == pytest.approx(float(hidden), abs=1e-6)


# --- gradients, chosen independently -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cotangent", "text"),
    [
        ("ng+bar", "", r"\bar{a}^{\langle t \rangle}"),
        ("ng", "bar", r"\bar{a}^{\langle t \rangle}"),
        ("bar", "delta", r"\delta h_{t}"),
        ("pytorch+partial", "", r"\frac{\partial \mathcal{L}}{\partial h_{t}}"),
        ("ng+bar", "delta", r"\delta a^{\langle t \rangle}"),
    ],
)
def test_gradients_are_chosen_independently(name, cotangent, text):
    names = Context(LSTM, notation(name, cotangent)).names
    assert names.read(ref("dh", step("t"))) == text


@pytest.mark.parametrize("name", ["ng+", "ng+klingon", "bar+bar", "+bar", "klingon+bar", "ng+bar+bar"])
def test_what_is_no_notation(name):
    with pytest.raises(UnknownNotation, match="no notation is called"):
        notation(name)


def test_what_is_no_way_of_writing_gradients():
    with pytest.raises(UnknownNotation, match=r"ng\+x"):
        notation("ng", "x")


# --- files ---------------------------------------------------------------------------------------------------------


def mapped(tmp_path, text: str) -> Notation:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    return notation(str(tmp_path / "mine.toml"))


def test_a_notation_of_ones_own(tmp_path):
    mine = mapped(tmp_path, 'base = "ng"\ntime = "subscript"\ncotangent = "bar"\n[names]\nh = "s"\nW_f = "W^{(f)}"')
    assert (mine.name, mine.base, mine.time, mine.cotangent) == ("mine", "ng", "subscript", "bar")
    names = Context(LSTM, mine).names
    assert names.read(ref("dh", step("t", -1))) == r"\bar{s}_{t-1}"
    assert typeset(names.system.equation("z_f").expr, names) == r"{W^{(f)}}\,[s_{t-1};\, x_{t}] + b_{f}"
    found = [row.terms[0] for row in equation_rows(Context(LSTM, mine), Context(LSTM, mine).forward)]
    assert found[0].startswith("{W^{(f)}}")  # not one of many W_q
    assert any(text.startswith("W_{q}") for text in found)


def test_other_names_make_way_for_those_given(tmp_path):
    names = Context(LSTM, mapped(tmp_path, '[names]\nh = "c"')).names
    assert names.written("h") == "c"
    assert names.written("c") == r"\mathrm{c}"


def test_a_name_given_is_not_renamed_by_pytorch(tmp_path):
    names = Context(LSTM, mapped(tmp_path, 'base = "pytorch"\n[names]\nW_f = "F"\nb_i = "B"')).names
    written = {name: typeset(names.system.equation(name).expr, names) for name in ("z_f", "z_i")}
    assert written["z_f"] == r"F\,[h_{t-1};\, x_{t}] + b_{if} + b_{hf}"
    assert written["z_i"] == r"W_{hi}\,h_{t-1} + W_{ii}\,x_{t} + B"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("base = 'klingon'", "base: 'klingon' is none of standard, ng, pytorch"),
        ("base = ['ng']", "base: .* is none of"),
        ("colour = 1", "colour: no such key"),
        ("names = 3", "names: a table"),
        ("[names]\nh = 3", "names.h: LaTeX in quotes"),
        ("[names]\n'h t' = 's'", "names.'h t': not the name"),
        ("[names]\nh = 's'\nc = 's'", "names.c: written like h"),
        (r"[names]" + "\nh = '\\input{/etc/passwd}'", r"names.h: the command \\input is not allowed"),
        ("base =", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
        ("#" * 200_000, "at most 100000"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(text, reason, tmp_path):
    with pytest.raises(MappingError, match=reason) as caught:
        mapped(tmp_path, text)
    assert "mine.toml: " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MappingError, match=r"cannot read .*: No such file"):
        read_mapping(tmp_path / "no.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(MappingError, match="not UTF-8"):
        read_mapping(tmp_path / "bytes.toml")


FRAGMENTS = ["s", "W^{(f)}", r"\tilde{c}", r"\mathbf{h}^{2}_{k}", r"\alpha", "h^{a_{b}}", "hx", "{a}"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--notation", "mine.toml"], "mine.toml: names.zeta: no quantity of lstm has that name"),
        (["--notation", "no.toml"], "cannot read no.toml"),
        (["--cotangent", "hat"], "no notation is called 'standard+hat'"),
    ],
)
def test_options_of_the_command(options, reason, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text('[names]\nzeta = "s"', encoding="utf-8")
    assert main(["report", "lstm", *options]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert reason in err
    assert [file.name for file in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("text", FRAGMENTS)
def test_fragments(text):
    names = Notation(renamed={"h": fragment(text), "W_f": fragment(text + " f")}).names(Context(LSTM).adjoint)
    assert names.read(ref("h", step("t", -1))).endswith("_{t-1}")
    assert text + " f" in names.read(ref("W_f"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing"),
        (" ", "nothing"),
        ("{}", "nothing stands"),
        (r"\def\x{y}", "command"),
        (r"\write18{ls}", "command"),
        (r"\csname x\endcsname", "command"),
        (r"\end{document}", "command"),
        (r"\mathbf h", "argument in braces"),
        (r"\hat", "argument in braces"),
        ("a}", "was not opened"),
        ("{a", "is not closed"),
        ("a}{b", "was not opened"),
        ("a^b^c", "two"),
        ("a_b_c", "two"),
        ("a^", "missing"),
        ("^2", "stands where"),
        ("a^_b", "stands where"),
        ("$x$", "no letter"),
        ("a%", "no letter"),
        ("a&b", "no letter"),
        ("a#1", "no letter"),
        ("a^^5c", "stands where"),
        ("<script>", "no letter"),
        ("\u202ea", "no letter"),
        ("a\\\\b", "no letter"),
        ("x\n\ny", "no letter"),
        ("a'", "no letter"),
        ("{" * 9 + "a" + "}" * 9, "deep"),
        ("a" * 61, "at most 60"),
    ],
)
def test_what_is_no_fragment(text, reason):
    with pytest.raises(FragmentError, match=reason):
        fragment(text)
