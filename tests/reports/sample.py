"""A report as the toolkit writes them, with everything that has ever been hard to print: the fixture of
these tests."""

from __future__ import annotations

from reports.document import Block, Code, Figure, Heading, Note, Prose, Report, Row, Rows, Table
from reports.inline import plain

H, HD, HH = r"\mathbb{R}^{H}", r"\mathbb{R}^{H \times D}", r"\mathbb{R}^{H \times H}"
LOSS = r"\partial \mathcal{L}"
SVG = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" width="420" height="120" viewBox="0 0 420 120">
<path d="M10 100 C 90 10, 180 10, 400 90" fill="none" stroke="#1f5a92" stroke-width="2"/>
<text x="20" y="30" font-size="14">‖δc‖ against lag</text></svg>
"""
HOSTILE = (
    "<script>alert('x')</script>",
    r"\input{/etc/passwd}",
    "$x$ and {eq:delta-c} and `code`",
    "& % # _ ^ ~ \\ { } \" ' < > | -- ---",
    "a" * 300,
    "a_very_long_name_of_a_weight." * 12,
    "δ σ ⊙ − ≤ ‖x‖ é Ł 中文 🙂 ∂ℒ/∂cₜ W⁽ᵗ⁾",
    "]]> --> </style></script><img src=x onerror=alert(1)>",
)
SOURCE = '''def backward(run, dh):  # (T, B, H)
    """δ of every gate, in reverse; a ⊙ b is a * b, σ′ = σ (1 − σ)."""
    for t in reversed(range(T)):
        dc = dh[t] * o[t] * (1 - tanh_c[t]**2) + dc_next * f[t + 1]            # (9) δc[t] = δh ⊙ o ⊙ …
        dz_f[t] = dc * c[t - 1] * f[t] * (1 - f[t])  # (11) \\end{verbatim} must not end anything
    return {"W_f": dz_f.reshape(-1, H).T @ x.reshape(-1, D), 'naïve': None}
'''


def build() -> Report:
    """The report of an LSTM, more or less."""
    return Report(
        title=r"LSTM: backpropagation through time",
        subtitle=r"Gates $f$, $i$, $o$ and candidate $g$; Gers, Schmidhuber & Cummins (2000)",
        blocks=(*opening(), *backward(), *parameters(), *closing()),
        certificate={
            "architecture": "lstm",
            "holds": True,
            "worst": 6.1e-10,
            "unbounded": float("inf"),
            "sizes": (4, 3),
        },
    )


def opening() -> tuple[Block, ...]:
    """What is checked, notation, forward equations."""
    gates = (("f", r"\sigma"), ("i", r"\sigma"), ("g", r"\tanh"), ("o", r"\sigma"))
    return (
        Note(
            "Gradients agree with four independent methods in 48 of 48 cases; the worst error is "
            r"$6.1 \times 10^{-10}$ against a tolerance of $2.3 \times 10^{-8}$ (complex step).",
            kind="pass",
            title="The derivation holds",
        ),
        Heading(1, "Notation and shapes", "notation"),
        Prose(
            r"Vectors are columns. Write $\delta v_t = \partial \mathcal{L} / \partial v_t$ for the gradient "
            r"that reaches $v_t$; it has the shape of $v_t$. The product $\odot$ is taken element by element, "
            r"$\boldsymbol{1}$ is a vector of ones, and "
            r"$\sigma'(z) = \sigma(z) \odot (\boldsymbol{1} - \sigma(z))$."
            "\n\n"
            "Equation {eq:delta-c} is the heart of the matter: two paths leave $c_t$, and the second one, "
            r"through $f_{t+1}$, has no weight matrix in it. In code it is "
            "`dc = dh * o * (1 - tanh_c**2) + dc_next * f[t + 1]`."
        ),
        Table(
            ("Symbol", "Meaning", "Shape", "Entries at $D = 4$, $H = 3$"),
            (
                ("$x_t$", "input", r"$\mathbb{R}^{D}$", "4"),
                ("$h_t, c_t$", "hidden state, cell state", rf"${H}$", "3"),
                (
                    "$W_q$",
                    r"weights of gate $q \in \{f, i, g, o\}$, acting on $[h_{t-1}; x_t]$",
                    r"$\mathbb{R}^{H \times (H + D)}$",
                    "21",
                ),
                (
                    "$b_q$",
                    "bias of the same gate, counted once here and twice by PyTorch and cuDNN",
                    rf"${H}$",
                    "3",
                ),
            ),
            caption="Symbols of the forward pass.",
            align="lllr",
        ),
        Heading(1, "Forward step", "forward"),
        Rows(
            (
                Row(
                    r"z^{q}_{t}",
                    (r"W_q x_t", r"+ U_q h_{t-1}", "+ b_q"),
                    shape=H,
                    label="z",
                    tail=r"q \in \{f, i, g, o\}",
                ),
                *(
                    Row(f"{gate}_t", (rf"{act}\left(z^{{{gate}}}_t\right)",), shape=H, label=gate)
                    for gate, act in gates
                ),
                Row("c_t", (r"f_t \odot c_{t-1}", r"+ i_t \odot g_t"), shape=H, label="c"),
                Row("h_t", (r"o_t \odot \tanh(c_t)",), shape=H, label="h"),
                Row(r"\mathcal{L}", (r"\sum_{t=1}^{T} \ell_t(h_t)",), shape=r"\mathbb{R}", label="loss"),
            )
        ),
    )


def backward() -> tuple[Block, ...]:
    """The recursion, and one step of it unfolded."""
    recurrent = [rf"U_{gate}^\top \delta z^{{{gate}}}_{{t+1}}" for gate in "figo"]
    return (
        Heading(1, "Backward recursion", "backward"),
        Rows(
            (
                Row(
                    r"\delta h_t",
                    (r"\frac{\partial \ell_t}{\partial h_t}", *(f"+ {term}" for term in recurrent)),
                    shape=H,
                    reason=r"the loss reads $h_t$, and so does every gate of step $t + 1$",
                    label="delta-h",
                ),
                Row(
                    r"\delta c_t",
                    (
                        r"\delta h_t \odot o_t \odot \left(1 - \tanh^2(c_t)\right)",
                        r"+ \delta c_{t+1} \odot f_{t+1}",
                    ),
                    shape=H,
                    label="delta-c",
                ),
                Row(r"\delta z^{o}_{t}", (r"\delta h_t \odot \tanh(c_t) \odot o_t \odot (1 - o_t)",), shape=H),
                Row(r"\delta z^{f}_{t}", (r"\delta c_t \odot c_{t-1} \odot f_t \odot (1 - f_t)",), shape=H),
                Row(r"\delta z^{i}_{t}", (r"\delta c_t \odot g_t \odot i_t \odot (1 - i_t)",), shape=H),
                Row(r"\delta z^{g}_{t}", (r"\delta c_t \odot i_t \odot \left(1 - g_t^2\right)",), shape=H),
                Row(
                    r"\delta c_{T+1}",
                    ("0",),
                    reason="nothing comes after the last step",
                    tail=r"\delta z^{q}_{T+1} = 0",
                ),
            )
        ),
        Heading(2, r"Where $\delta c_t$ comes from", "delta-c"),
        Rows(
            (
                Row(
                    rf"\frac{{{LOSS}}}{{\partial c_t}}",
                    (
                        rf"\frac{{{LOSS}}}{{\partial h_t}} \frac{{\partial h_t}}{{\partial c_t}}",
                        rf"+ \frac{{{LOSS}}}{{\partial c_{{t+1}}}}"
                        r" \frac{\partial c_{t+1}}{\partial c_t}",
                    ),
                    reason=r"two paths leave $c_t$",
                ),
                Row(
                    "",
                    (
                        r"\delta h_t^\top \operatorname{diag}\left(o_t \odot (1 - \tanh^2(c_t))\right)",
                        r"+ \delta c_{t+1}^\top \operatorname{diag}(f_{t+1})",
                    ),
                    reason="local Jacobians are diagonal, see {eq:c} and {eq:h}",
                ),
                Row(
                    "",
                    (
                        r"\left[\delta h_t \odot o_t \odot \left(1 - \tanh^2(c_t)\right)"
                        r" + \delta c_{t+1} \odot f_{t+1}\right]^\top",
                    ),
                    reason="transposed into column form",
                ),
            )
        ),
        Heading(2, "State Jacobian"),
        Rows(
            (
                Row(
                    r"\frac{\partial c_t}{\partial h_{t-1}}",
                    (
                        r"\operatorname{diag}\left(c_{t-1} \odot f_t \odot (1 - f_t)\right) U_f",
                        r"+ \operatorname{diag}\left(g_t \odot i_t \odot (1 - i_t)\right) U_i",
                        r"+ \operatorname{diag}\left(i_t \odot (1 - g_t^2)\right) U_g",
                    ),
                    shape=HH,
                ),
                Row(
                    r"\frac{\partial (h_t, c_t)}{\partial (h_{t-1}, c_{t-1})}",
                    (r"\begin{bmatrix} A_t & B_t \\ C_t & \operatorname{diag}(f_t) \end{bmatrix}",),
                    shape=r"\mathbb{R}^{2H \times 2H}",
                    label="jacobian",
                ),
                Row(
                    r"\left\lVert \prod_{k=1}^{K} J_{t+k} \right\rVert",
                    (r"\left(\gamma \lVert U \rVert\right)^{K}",),
                    relation=r"\le",
                    reason=r"$\gamma = 1$ for $\tanh$, $\tfrac{1}{4}$ for $\sigma$",
                ),
            )
        ),
    )


def parameters() -> tuple[Block, ...]:
    """Sums over time, and a sum of many long terms."""
    terms = [
        rf"\delta h_{{t+{lag}}} \odot \hat{{o}}_{{t+{lag}}} \odot \boldsymbol{{\Gamma}}_{{t+{lag}}}"
        for lag in range(1, 9)
    ]
    return (
        Heading(1, "Parameter gradients", "parameters"),
        Rows(
            (
                Row(
                    rf"\frac{{{LOSS}}}{{\partial W_q}}",
                    (r"\sum_{t=1}^{T} \delta z^{q}_t x_t^\top",),
                    shape=HD,
                    label="dW",
                ),
                Row(
                    rf"\frac{{{LOSS}}}{{\partial U_q}}",
                    (r"\sum_{t=1}^{T} \delta z^{q}_t h_{t-1}^\top",),
                    shape=HH,
                ),
                Row(rf"\frac{{{LOSS}}}{{\partial b_q}}", (r"\sum_{t=1}^{T} \delta z^{q}_t",), shape=H),
                Row(
                    r"\bar{\boldsymbol{s}}_t",
                    (
                        rf"-{terms[0]}",
                        *(f"{'-' if lag % 2 else '+'} {term}" for lag, term in enumerate(terms[1:])),
                    ),
                    shape=r"\mathbb{R}^{H \times (D + H + 1)}",
                    reason="every path of at most eight steps, so long that the line must wrap",
                    label="paths",
                ),
            )
        ),
        Figure(
            SVG,
            None,
            alt="Norm of the gradient of c against the lag",
            caption=r"$\lVert\delta c_t\rVert$ against lag.",
        ),
        Figure(None, None, alt="The graph of one step; install Graphviz to see it"),
    )


def closing() -> tuple[Block, ...]:
    """Code, hostile names, a wide table."""
    wide = tuple(
        (f"$t = {step}$", *(f"{(-1) ** step * 0.1234567 / (step + col):.6f}" for col in range(1, 9)))
        for step in range(1, 7)
    )
    return (
        Heading(1, "Generated NumPy"),
        Prose("The numbers in the comments are those of the equations above."),
        Code("python", SOURCE),
        Heading(1, "Worked example"),
        Table(("Step", *(f"$c_{{t,{col}}}$" for col in range(1, 9))), wide, "Cell states.", "l" + "r" * 8),
        Note(
            "The reset-after GRU has $1.4$ million terms at $T = 3$.",
            kind="warning",
            title="Not done as polynomials",
        ),
        Heading(1, "Names a user might choose"),
        *(Prose(f"Name: {plain(name)}, and on.") for name in HOSTILE),
        Table(("Name", "Kind"), tuple((plain(name), "parameter") for name in HOSTILE), plain(HOSTILE[3])),
        Rows(
            (
                Row(
                    r"\mathrm{" + "a" * 300 + "}",
                    (r"\mathrm{" + "b" * 300 + "}", "+ x"),
                    reason=plain(HOSTILE[4]),
                ),
            )
        ),
        Code("text", "\n".join(HOSTILE)),
        Heading(3, plain(HOSTILE[3])),
        Prose("{eq:delta-c} once more, {eq:paths}, and $\\left(\\frac{a}{b}\\right)$ in a line."),
    )
