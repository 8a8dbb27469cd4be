"""The document model: numbers, marks, and what a `Report` refuses."""

from __future__ import annotations

import pytest

from reports import formula
from reports.document import Code, Figure, Heading, Note, Prose, Report, Row, Rows, Table, number
from reports.inline import CodeSpan, DocumentError, Math, Reference, Text, inline, plain, unmarked


def rows(*labels: str) -> Rows:
    return Rows(tuple(Row("a", ("b",), label=label) for label in labels))


def test_numbers_run_through_all_blocks() -> None:
    blocks = (
        Heading(1, "One"),
        rows("a", "", "b"),
        Heading(2, "Sub"),
        Table(("x",), (), caption="first"),
        Table(("x",), ()),
        Heading(1, "Two"),
        Heading(2, "Sub"),
        rows("c"),
        Figure(None, None, "alt", "a caption"),
        Code("python", "{eq:nowhere}"),
    )
    numbering = number(blocks)
    assert numbering.equations == {"a": 1, "b": 3, "c": 4}
    assert numbering.blocks == ("1", "1", "1.1", "1", "", "2", "2.1", "4", "1", "")


def test_report_repr_evaluates_back() -> None:
    report = Report("t", "s", (rows("a"), Prose("see {eq:a}"), Note("n", "pass")), {"holds": True})
    assert eval(repr(report)) == report


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ((Prose("see {eq:nowhere}"),), "no equation has the label 'nowhere'"),
        ((Rows((Row("a", ("b",), reason="by {eq:x}"),)),), "no equation has the label 'x'"),
        ((Table(("{eq:x}",), ()),), "no equation has the label 'x'"),
        ((rows("a"), rows("a")), "two equations have the label 'a'"),
        ((Prose("costs $5"),), "without its partner"),
        ((Prose(r"$\input{/etc/passwd}$"),), r"unknown command \\input"),
        ((Rows((Row("a", (r"\write18{ls}",)),)),), r"unknown command \\write"),
        ((Rows((Row("a", ("b",), shape="^^5cinput x"),)),), r"\^\^"),
        ((Rows((Row("a", ("{b",)),)),), "'{' without '}'"),
        ((Rows((Row("a", ("",)),)),), "nothing to set"),
        ((Heading(4, "x"),), "level 4"),
        ((Heading(1, "x", "a"), Heading(1, "y", "a")), "the anchor 'a' is taken"),
    ],
)
def test_report_refuses(blocks: tuple[Prose, ...], message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        Report("t", "", blocks)
    assert "\n" not in str(caught.value)


def test_rows_and_tables_refuse_what_cannot_be_set() -> None:
    for terms in ((), ("+ a",), ("a", "b")):
        with pytest.raises(DocumentError):
            Row("x", terms)
    with pytest.raises(DocumentError, match="label"):
        Row("x", ("a",), label="a b")
    with pytest.raises(DocumentError, match="2 cells under 1 headers"):
        Table(("x",), (("a", "b"),))
    with pytest.raises(DocumentError, match="align"):
        Table(("x",), (), align="lr")
    with pytest.raises(DocumentError, match="kind"):
        Note("x", "danger")


def test_row_as_one_line_of_latex() -> None:
    row = Row(r"\delta c", ("a", "- b", "+ c"), tail="t > 0")
    assert row.latex == r"\delta c = a - b + c \quad t > 0"
    assert Row("", ("a",), relation=r"\le").latex == r"\le a"


def test_marks() -> None:
    assert inline(r"a $x_t$ by {eq:c-1}, `f[t]` \$5 {x} -3 x-3") == (
        Text("a "),
        Math("x_t"),
        Text(" by "),
        Reference("c-1"),
        Text(", "),
        CodeSpan("f[t]"),
        Text(" $5 {x} \N{MINUS SIGN}3 x-3"),
    )
    assert unmarked(r"Where $\delta c_{t}$ is") == "Where delta c_t is"


def test_plain_takes_every_meaning_away(hostile: tuple[str, ...]) -> None:
    for name in hostile:
        assert inline(plain(name)) == (Text(name),)


@pytest.mark.parametrize(
    "latex",
    [
        r"\unknown",
        "a % b",
        "a # b",
        r"\left( x",
        r"p^{\langle t \rangle}^{\top}",
        "a_b_c",
        r"\left(x_{a^{b}^c}\right)",
        r"\begin{bmatrix} a",
        r"\begin{document}\end{document}",
        "a & b",
        r"a \\ b",
        r"\text{a_b}",
        "a } b {",
        "\\",
        " ",
    ],
)
def test_formula_refused(latex: str) -> None:
    with pytest.raises(formula.FormulaError):
        formula.check(latex)


def test_width_grows_with_what_is_printed() -> None:
    short, long = r"\delta h_t", r"\operatorname{diag}\left(c_{t-1} \odot f_t \odot (1 - f_t)\right) U_f"
    assert 1.0 < formula.width(short) < 3.0
    assert 10.0 < formula.width(long) < 18.0
    assert formula.width(r"\frac{a + b + c}{d}") < formula.width("a + b + c") + formula.width("d")
