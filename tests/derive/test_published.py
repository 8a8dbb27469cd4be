"""Published backward equations, term by term, and published counts, of the literature's cells.

The backward equations are the project's catalogue's (section 7.5): Greff et al. 2015, arXiv 1503.04069, appendix A; the
kernel of SRU; ForgetMult of QRNN.  They are compared as formulas, for all sizes: both sides are read as commutative
algebra, and the sums of products must be the same.  Cotangents are those of pre-activations where the source has them.
"""

import numpy as np
import pytest
import sympy

import derive
from derive.architectures.highway import recurrent_highway
from derive.architectures.timescales import legendre
from derive.dimensions import dimension
from derive.simplify import for_reading
from numeric.reference import evaluate
from tests.canonical import algebra, canonical

GREFF = """
z[t] = tanh(W_z @ x[t] + R_z @ y[t-1] + b_z)
i[t] = sigmoid(W_i @ x[t] + R_i @ y[t-1] + p_i * c[t-1] + b_i)
f[t] = sigmoid(W_f @ x[t] + R_f @ y[t-1] + p_f * c[t-1] + b_f)
c[t] = z[t] * i[t] + c[t-1] * f[t]
o[t] = sigmoid(W_o @ x[t] + R_o @ y[t-1] + p_o * c[t] + b_o)
y[t] = tanh(c[t]) * o[t]
"""
GREFF_BACKWARD = """
dy[t] = up_y[t] + R_z.T @ da_z[t+1] + R_i.T @ da_i[t+1] + R_f.T @ da_f[t+1] + R_o.T @ da_o[t+1]
da_o[t] = dy[t] * tanh(c[t]) * (o[t] * (1 - o[t]))
dc[t] = dy[t] * o[t] * (1 - tanh(c[t])**2) + p_o * da_o[t] + p_i * da_i[t+1] + p_f * da_f[t+1] + dc[t+1] * f[t+1]
da_f[t] = dc[t] * c[t-1] * (f[t] * (1 - f[t]))
da_i[t] = dc[t] * z[t] * (i[t] * (1 - i[t]))
da_z[t] = dc[t] * i[t] * (1 - z[t]**2)
dx[t] = W_z.T @ da_z[t] + W_i.T @ da_i[t] + W_f.T @ da_f[t] + W_o.T @ da_o[t]
dp_i = sum[t](c[t-1] * da_i[t])
dp_f = sum[t](c[t-1] * da_f[t])
dp_o = sum[t](c[t] * da_o[t])
"""
for k in "zifo":  # the paper pairs da[t+1] with y[t], and in dp_i, dp_f with c[t], from the step before
    GREFF_BACKWARD += f"""dW_{k} = sum[t](da_{k}[t] @ x[t].T)
dR_{k} = sum[t](da_{k}[t] @ y[t-1].T)
db_{k} = sum[t](da_{k}[t])
"""
SRU = """
x[t] : H
const alpha : scalar
u[t] = W @ x[t]
s[t] = alpha * x[t]
f[t] = sigmoid(W_f @ x[t] + v_f * c[t-1] + b_f)
r[t] = sigmoid(W_r @ x[t] + v_r * c[t-1] + b_r)
c[t] = f[t] * c[t-1] + (1 - f[t]) * u[t]
h[t] = r[t] * c[t] + (1 - r[t]) * s[t]
"""
SRU_BACKWARD = """
dh[t] = up_h[t]
dz_r[t] = dh[t] * (c[t] - s[t]) * r[t] * (1 - r[t])
dc[t] = dh[t] * r[t] + dc[t+1] * f[t+1] + dz_f[t+1] * v_f + dz_r[t+1] * v_r
dz_f[t] = dc[t] * (c[t-1] - u[t]) * f[t] * (1 - f[t])
du[t] = dc[t] * (1 - f[t])
dx[t] = alpha * dh[t] * (1 - r[t]) + W.T @ du[t] + W_f.T @ dz_f[t] + W_r.T @ dz_r[t]
"""
FORGET_MULT = "x[t] : H\nf[t] : H\nh[t] = f[t] * x[t] + (1 - f[t]) * h[t-1]\n"
FORGET_MULT_BACKWARD = """
dh[t] = up_h[t] + dh[t+1] * (1 - f[t+1])
dx[t] = f[t] * dh[t]
df[t] = (x[t] - h[t-1]) * dh[t]
dh[0] = dh[1] * (1 - f[1])
"""
PUBLISHED = {  # equations of the source, what they say of the gradient, and the entry that they are
    "Greff et al.": (GREFF, GREFF_BACKWARD, "lstm-peephole"),
    "SRU": (SRU, SRU_BACKWARD, "sru"),
    "ForgetMult": (FORGET_MULT, FORGET_MULT_BACKWARD, None),
}


def differing(forward, backward):
    """The left sides whose published equation is not the derived one."""
    derived = for_reading(derive.parse(forward).adjoint())
    published = dict(line.split(" = ") for line in backward.strip().splitlines())
    kept = [line for line in str(derived).splitlines() if line.split(" = ")[0] not in published]
    replaced = [f"{left} = {right}" for left, right in published.items()]
    both = derived, derive.parse("\n".join([*kept, *replaced]))
    assert set(published) <= {str(e.out) for e in derived.equations}
    sides = [{str(e.out): algebra(s, e.expr, list(s.variables)) for e in s.equations} for s in both]
    return [left for left in published if sides[0][left] != sides[1][left]]


@pytest.mark.parametrize(("forward", "backward", "name"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_backward_equations(forward, backward, name):
    assert differing(forward, backward) == []
    assert name is None or canonical(derive.parse(forward)) == canonical(derive.load(name))
    for line in backward.strip().splitlines():  # a term less, or a sign more, is seen in its own line and no other
        left, right = line.split(" = ")
        wrong = backward.replace(line, f"{left} = {right.rpartition(' + ')[0] or '-' + right}")
        assert differing(forward, wrong) == [left]


# --- what the entries say of each other -----------------------------------------------------------------------------


def drawn(system, rng, sizes, *, steps=5):
    """Random leaves of a system: parameters and constants, and inputs of two examples."""

    def shape(name):
        return tuple(int(dim.subs({dimension(k): n for k, n in sizes.items()})) for dim in system.shapes[name])

    leaves = {name: rng.normal(size=shape(name)) for name in (*system.parameters, *system.constants)}
    return leaves, {name: rng.normal(size=(steps, 2, *shape(name))) for name in system.inputs}


def test_the_code_of_qrnn_has_the_other_polarity():
    """f-pooling with W_f and b_f negated is ForgetMult, whose backward pass is the published one."""
    system = derive.load("qrnn-f")
    leaves, inputs = drawn(system, np.random.default_rng(0), {"D": 3, "H": 2})
    values = evaluate(system, {**leaves, "W_f": -leaves["W_f"], "b_f": -leaves["b_f"]}, inputs)
    gates = evaluate(system, leaves, inputs)
    code = evaluate(derive.parse(FORGET_MULT), {}, {"x": gates["z"], "f": gates["f"]})
    np.testing.assert_allclose(values["h"], code["h"], rtol=1e-13, atol=1e-15)
    assert not np.allclose(gates["h"], code["h"])


def test_an_idle_module_of_a_clockwork_passes_state_and_gradient_on():
    system = derive.load("clockwork")
    adjoint = system.adjoint(final=("q", "r"))
    leaves, inputs = drawn(system, np.random.default_rng(1), {"D": 3, "K": 2}, steps=9)
    steps = np.arange(1, 10)
    for name, period in (("k_q", 2), ("k_r", 4)):
        inputs[name] = np.repeat((steps % period == 0)[:, None], 2, axis=1).astype(float)
    up = {adjoint.find("upstream", "h").name: np.zeros((9, 2, 6)), adjoint.find("final", "r").name: np.ones((2, 2))}
    values = evaluate(adjoint, leaves, {**inputs, **up, adjoint.find("final", "q").name: np.zeros((2, 2))})
    for name, period in (("q", 2), ("r", 4)):
        moved = [t for t in range(2, 10) if np.any(values[name][t - 1] != values[name][t - 2])]
        assert moved == [t for t in range(2, 10) if t % period == 0]
    back = values[adjoint.find("cotangent", "r").name]
    np.testing.assert_array_equal(back[7], back[8])  # nothing moves at step 9
    assert np.any(back[6] != back[7])


def test_the_memory_of_legendre():
    """Section 7.3 of the catalogue."""
    a, b = legendre(3)
    assert a.tolist() == [[-1, -1, -1], [3, -3, -3], [-5, 5, -5]]
    assert list(b) == [1, -3, 5]
    assert legendre(3, 4) == (a / 4, b / 4)
    with pytest.raises(ValueError, match="a memory of order 0: at least 1"):
        legendre(0)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_highways_of_any_depth(depth):
    system = derive.parse(recurrent_highway(depth).text, strict=True)
    d, h = sympy.symbols("D H")
    difference = system.parameter_count().subs({x: sympy.Symbol(str(x)) for x in system.dimensions})
    assert sympy.expand(difference - (2 * h * d + 2 * depth * (h**2 + h))) == 0


def test_a_highway_without_layers_is_an_error():
    with pytest.raises(ValueError, match="a highway of depth 0: at least 1"):
        recurrent_highway(0)


def test_only_the_antisymmetric_part_is_learned():
    """dW = G - G', so that H (H - 1) / 2 numbers move."""
    system = derive.load("antisymmetric")
    adjoint = system.adjoint()
    leaves, inputs = drawn(system, np.random.default_rng(2), {"D": 3, "H": 4})
    up = {adjoint.find("upstream", "h").name: np.random.default_rng(3).normal(size=(5, 2, 4))}
    gradient = evaluate(adjoint, leaves, {**inputs, **up})[adjoint.find("cotangent", "W").name]
    np.testing.assert_allclose(gradient, -gradient.T, atol=1e-13)
    assert np.abs(gradient).max() > 0.1
