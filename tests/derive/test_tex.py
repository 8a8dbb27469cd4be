"""LaTeX of papers and of the lecture notes: what it is read as, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive
from derive.networks import NAMED, build
from derive.spelling import spell
from derive.tex.equations import from_latex, to_text
from derive.tex.look import looks_like_latex

LSTM_OF_THE_NOTES = r"""
$$f_t = \sigma \left(W_f [h_{t-1}, x_t] + b_f \right)$$
$$i_t = \sigma \left(W_i \cdot [h_{t-1}, x_t] + b_i \right)$$
$$\tilde{C}_t = \tanh \left(W_C \cdot [h_{t-1}, x_t] + b_C \right)$$
$$C_t = f_t \otimes C_{t-1} + (i_t \otimes \tilde{C}_t)$$
$$o_t = \sigma(W_o [h_{t-1}, x_t] + b_o)$$
$$h_t = o_t * \tanh(C_t)$$
"""
PEEPHOLES_OF_THE_NOTES = r"""
\tilde{c}^{<t>} = \tanh (W_c [a^{<t-1>}, x^{<t>}] + b_c)
\Gamma_u = \sigma (W_u [a^{<t-1>}, x^{<t>}, c^{<t-1>}] + b_u)
\Gamma_f = \sigma (W_f [a^{<t-1>}, x^{<t>}, c^{<t-1>}] + b_f)
\Gamma_o = \sigma (W_o [a^{<t-1>}, x^{<t>}, c^{<t-1>}] + b_o)
c^{<t>} = \Gamma_u \cdot \tilde{c}^{<t>} + \Gamma_f \cdot c^{<t-1>}
a^{<t>} = \Gamma_o \cdot \tanh(c^{<t>})
"""
GRU_OF_THE_NOTES = r"""
\begin{aligned}
\tilde{c}^{\langle t \rangle} &= \tanh(W_c [\Gamma_r \cdot c^{\langle t-1 \rangle}, x^{\langle t \rangle}] + b_c) \\
\Gamma_u &= \sigma(W_u [c^{\langle t-1 \rangle}, x^{\langle t \rangle}] + b_u) \\
\Gamma_r &= \sigma(W_r [c^{\langle t-1 \rangle}, x^{\langle t \rangle}] + b_r) \\
c^{\langle t \rangle} &= \Gamma_u \cdot \tilde{c}^{\langle t \rangle} + (1 - \Gamma_u) \cdot c^{\langle t-1 \rangle}
\end{aligned}
"""
ENCODER_OF_THE_NOTES = r"h_t = \sigma(W^{hx} x_t + W^{hh} h_{t-1}), \quad y_t = W^{yh} h_t"
TAGGER_OF_THE_NOTES = r"""
\overrightarrow{h}_t = \tanh(\overrightarrow{W}_h \overrightarrow{h}_{t-1} + \overrightarrow{W}_i x_t + \vec{b})
\overleftarrow{h}_t = \tanh(\overleftarrow{W}_h \overleftarrow{h}_{t+1} + \overleftarrow{W}_i x_t + \overleftarrow{b})
y_t = W [\vec{h}_t, \overleftarrow{h}_t] + b
"""
LOSS_OF_THE_NOTES = r"""
g_1 = \tanh
g_2 = \sigma
a^{<0>} = \vec{0}
a^{<t>} = g_1(W_{aa} a^{<t-1>} + W_{ax} x^{<t>} + b_a)
\hat{y}^{<t>} = g_2(W_{ya} a^{<t>} + b_y)
\mathcal{L}^{<t>}(\hat{y}^{<t>}, y^{<t>}) = - y^{<t>\top} \log \hat{y}^{<t>}
  - (1 - y^{<t>})^\top \log (1 - \hat{y}^{<t>})
\mathcal{L}(\hat{y}, y) = \sum_{t=1}^{T_y} \mathcal{L}^{<t>}(\hat{y}^{<t>}, y^{<t>})
"""
NOTES = {
    "lstm": (LSTM_OF_THE_NOTES, """
        f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
        i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
        C_tilde[t] = tanh(W_C @ [h[t-1], x[t]] + b_C)
        C[t] = f[t] * C[t-1] + i[t] * C_tilde[t]
        o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
        h[t] = o[t] * tanh(C[t])"""),
    "peepholes": (PEEPHOLES_OF_THE_NOTES, """
        c_tilde[t] = tanh(W_c @ [a[t-1], x[t]] + b_c)
        Gamma_u[t] = sigmoid(W_u @ [a[t-1], x[t], c[t-1]] + b_u)
        Gamma_f[t] = sigmoid(W_f @ [a[t-1], x[t], c[t-1]] + b_f)
        Gamma_o[t] = sigmoid(W_o @ [a[t-1], x[t], c[t-1]] + b_o)
        c[t] = Gamma_u[t] * c_tilde[t] + Gamma_f[t] * c[t-1]
        a[t] = Gamma_o[t] * tanh(c[t])"""),
    "gru": (GRU_OF_THE_NOTES, """
        c_tilde[t] = tanh(W_c @ [Gamma_r[t] * c[t-1], x[t]] + b_c)
        Gamma_u[t] = sigmoid(W_u @ [c[t-1], x[t]] + b_u)
        Gamma_r[t] = sigmoid(W_r @ [c[t-1], x[t]] + b_r)
        c[t] = Gamma_u[t] * c_tilde[t] + (1 - Gamma_u[t]) * c[t-1]"""),
    "encoder": (ENCODER_OF_THE_NOTES, "h[t] = sigmoid(W_hx @ x[t] + W_hh @ h[t-1])\ny[t] = W_yh @ h[t]"),
    "tagger": (TAGGER_OF_THE_NOTES, """
        h_fwd[t] = tanh(W_fwd_h @ h_fwd[t-1] + W_fwd_i @ x[t] + b_fwd)
        h_bwd[t] = tanh(W_bwd_h @ h_bwd[t+1] + W_bwd_i @ x[t] + b_bwd)
        y[t] = W @ [h_fwd[t], h_bwd[t]] + b"""),
    "loss": (LOSS_OF_THE_NOTES, """
        a[0] = 0
        a[t] = tanh(W_aa @ a[t-1] + W_ax @ x[t] + b_a)
        y_hat[t] = sigmoid(W_ya @ a[t] + b_y)
        L_step[t] = -y[t].T @ log(y_hat[t]) - (1 - y[t]).T @ log(1 - y_hat[t])
        L = sum[t](L_step[t])"""),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTES)
def test_equations_of_the_notes_are_the_systems_they_mean(name):
    latex, text = NOTES[name]
    assert looks_like_latex(latex)
    assert from_latex(latex) == derive.parse(text.replace("\n        ", "\n"))


READ = [
    (r"h_t = (1-z_t) h_{t-1} + z_t \odot n_t", "h[t] = (1 - z[t]) * h[t-1] + z[t] * n[t]"),
    (r"H_t = \phi(X_t W_{xh} + H_{t-1} W_{hh}), \phi = \tanh", "H[t] = tanh(W_xh @ X[t] + W_hh @ H[t-1])"),
    (r"h_t = \frac{1}{1 + e^{-W h_{t-1}}}", "h[t] = 1 / (1 + exp(-W @ h[t-1]))"),
    (r"h_t = 0.5 W h_{t-1} + w_{ci} \odot c_{t-1}", "h[t] = 0.5 * (W @ h[t-1]) + w_ci * c[t-1]"),
    (r"h_t = \tanh^2 (W h_{t-1})", "h[t] = tanh(W @ h[t-1])**2"),
    (r"h_t = \tanh h_{t-1} + \sqrt{x_t}", "h[t] = tanh(h[t-1]) + sqrt(x[t])"),
    (r"s_i = \tanh(W s_{i-1} + C c_i)", "s[i] = tanh(W @ s[i-1] + C @ c[i])"),
    (r"h_t = \mathrm{ReLU}(\mathbf{W} \mathbf{h}_{t-1} + \begin{bmatrix} x_t \\ y_t \end{bmatrix})",
     "h[t] = relu(W @ h[t-1] + [x[t], y[t]])"),
    (r"p_t = \operatorname{softmax}(V^\top h_t), h_t = W_1 h_{t-1} + W^{(2)} x_t",
     "p[t] = softmax(V.T @ h[t])\nh[t] = W_1 @ h[t-1] + W_2 @ x[t]"),
    (r"h_t = σ(W·h_{t−1} + λ ⊙ x_t) % a remark", "h[t] = sigmoid(W @ h[t-1] + λ * x[t])"),
    ("\\alpha : scalar\nh_t = \\tanh(\\alpha h_{t-1} + x_t)", "alpha : scalar\nh[t] = tanh(alpha * h[t-1] + x[t])"),
    ("S_t : K, V\nS_t = S_{t-1} + k_t v_t^\\top\ny_t = S_t^\\top q_t",
     "S[t] : K, V\nS[t] = S[t-1] + k[t] @ v[t].T\ny[t] = S[t].T @ q[t]"),
    (r"y = W h_T + b, h_0 = s, h_t = \tanh(U h_{t-1} + x_t)",
     "y = W @ h[T] + b\nh[0] = s\nh[t] = tanh(U @ h[t-1] + x[t])"),
    (r"l_t = -\sum_i y_{t,i} \log p_{t,i}, p_t = x_t", "l[t] = -reduce_to(y[t] * log(p[t]), 1, 1)\np[t] = x[t]"),
    (r"h_t = tanh\left(W h_{t-1}\right) + \mathrm{tanh}(x_t)", "h[t] = tanh(W @ h[t-1]) + tanh(x[t])"),
    (r"h_t = sigmoid (W x_t)", "h[t] = sigmoid(W @ x[t])"),
    ("h_t = W h_{t-1}\n  + U x_t", "h[t] = W @ h[t-1] + U @ x[t]"),
]  # fmt: skip


@pytest.mark.parametrize(("latex", "text"), READ)
def test_what_papers_write_is_read(latex, text):
    assert to_text(latex) == text


REFUSED = [
    (r"h_t = \tanh(w h_{t-1})", "w h: a matrix product, or entry by entry", "h_"),
    (r"h_t = \tanh(U r_t \odot h_{t-1})", "put brackets around one of them", "h_"),
    (r"h_t = g(W h_{t-1})", r"which function is g? Add a line such as g = \tanh", "g"),
    (r"h_t = W * h_{t-1}", "or a convolution", "h_"),
    (r"y_t = S_t q_t, S_t = S_{t-1} + x_t", "declare 'S[t] : K, V'", "q_"),
    (r"h_t = A^{-1} h_{t-1}", "the inverse of a matrix", None),
    (r"h_t = h h_t + x_t", "h is a sequence along t", None),
    (r"h_t = b x_t, a = b c_t, b = a c_t", "in a cycle", None),
    (r"h_t = \input{/etc/passwd}", r"\input has no meaning", r"\input"),
    (r"h_t^{(l)} = \tanh(W h_t^{(l-1)})", "two times at one quantity", "h_"),
    (r"h_t = h_{t-1} = x_t", "one '=' per equation", "= x"),
    (r"h_t = \tanh(W h_{t-1}", "ends too early|is expected", None),
    (r"h_t = \int x_t", r"\int has no meaning", r"\int"),
    (r"h_t = \sum_i x_t", "the sum runs over i", r"\sum"),
    (r"h_t = x_t^{y}_t", "means nothing|neither a time nor a label|not expected", None),
    (r"h_t = [a_t b_t]", "a stack or a product", "["),
    (r"h_t = \begin{cases} 1 \end{cases}", "cannot be read", r"\begin"),
    (r"\frac{a}{b} = 1", "begins with the quantity", r"\frac"),
    ("h_t = " + "(" * 60 + "x_t" + ")" * 60, "more than 40 brackets", None),
    ("h_t = x_t + " * 9000, "at most", None),
    (r"h_t = \tanh(W h_{t-1} + b_t) \\ b_t : D, 3, 4", "at most two dimensions", None),
    ("", "no equation", None),
]  # fmt: skip


@pytest.mark.parametrize(("latex", "reason", "place"), REFUSED, ids=[reason[:24] for _, reason, _ in REFUSED])
def test_what_is_ambiguous_is_refused_at_its_place(latex, reason, place):
    with pytest.raises(
        derive.EquationError, match=reason.replace("\\", "\\\\").replace("?", "\\?").replace("[", "\\[")
    ) as info:
        from_latex(latex)
    assert any(one in info.value.reason for one in reason.split("|"))
    if place is not None:
        assert info.value.text[info.value.span.start :].startswith(place)


def test_errors_of_the_language_point_into_the_latex():
    with pytest.raises(derive.EquationError, match=r"read as h\[t\] = W @ h\[t-1\] \+ b") as info:
        from_latex("x_t : D\nW : H, D\nh_t = W h_{t-1} + b + W x_t")
    assert info.value.span.line == 3


def test_functions_may_be_said_outside():
    system = from_latex(r"h_t = \sigma_h(W h_{t-1} + x_t)", functions={"sigma_h": "tanh"})
    assert system == derive.parse("h[t] = tanh(W @ h[t-1] + x[t])")
    with pytest.raises(derive.EquationError, match="no function"):
        from_latex("h_t = g(x_t)", functions={"g": "eval"})


def test_nothing_of_the_language_looks_like_latex():
    texts = [str(derive.load(name)) for name in derive.names()] + [str(build(name)) for name in NAMED]
    assert not any(map(looks_like_latex, texts))
    assert not looks_like_latex("y = W_a @ x + b_t")


def test_accents_are_printed_as_accents():
    assert spell("c_tilde").base == r"\tilde{c}"
    assert spell("y_hat_2").base == r"\hat{y}"
    assert spell("c_tilde_f").marks == ("f",)


@given(st.text(alphabet="hxWtb_^{}()[]<>=+-\\,; \nσ⊙1Tsumfracnh", max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text):
    reasons = []
    try:
        from_latex(text)
    except derive.EquationError as error:
        reasons.append(error.reason)
    assert not any("\n" in reason for reason in reasons)
