"""Attention: weights that are weights, golden numbers, PyTorch's multi-head attention and encoder layer."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.networks import (
    NAMED,
    Window,
    attention,
    build,
    head,
    loss,
    masked,
    residual,
    self_attention,
    stack,
    transformer_block,
)
from derive.networks.attention import SCORES
from derive.networks.windows import KINDS
from numeric.draws import Regime, draw
from numeric.reference import evaluate
from tests.derive.networks.conftest import padding


def test_additive_attention_has_the_catalogues_numbers():
    """W_a = U_a = I, v = (1, 1), s = (0.5, -0.5), h = (1, 0), (0, 1), (1, 1): to all ten digits."""
    net = attention("additive")
    parameters = {"U_a": np.eye(2), "W_a": np.eye(2), "v_a": np.ones(2)}
    memory = np.array([[1.0, 0], [0, 1], [1, 1]])[:, None]
    values = evaluate(net, parameters, {"h": memory, "s": np.array([[[0.5, -0.5]]])})
    rounded = {name: np.round(values[name][0, 0], 10).tolist() for name in ("e", "alpha", "context")}
    assert rounded == {
        "e": [0.4430310964, 0.9242343145, 1.3672654109],
        "alpha": [0.1946298471, 0.3149149973, 0.4904551556],
        "context": [0.6850850027, 0.8053701529],
    }


OTHERS = ("translation", "transformer-block")
ATTENDING = {
    **{score: lambda score=score: attention(score) for score in SCORES},
    **{kind: lambda kind=kind: attention("general", Window(kind, 1)) for kind in KINDS},
    "masked": lambda: masked(attention("dot"), "t"),
    "causal": lambda: self_attention(causal=True),
    "both masked": lambda: masked(masked(build("translation"), "t"), "u", mask="m_u"),
    **{name: lambda name=name: build(name) for name in NAMED if "attention" in name or name in OTHERS},
}


@pytest.mark.parametrize("name", ATTENDING)
def test_weights_sum_to_one_and_are_not_negative(name):
    """Σ_j α_ij = 1 to a few roundings of T terms, α ≥ 0, in every network that attends."""
    net = ATTENDING[name]()
    found = [n for n in net.defined if n.startswith("alpha")]
    assert found
    for number in range(4):
        case = draw(net, np.random.default_rng(number), Regime(1 + number), net.outputs)
        masks = {n: padding(case.inputs[n].shape, np.random.default_rng(1)) for n in net.inputs if n in ("m", "m_u")}
        values = evaluate(net, case.parameters, {**case.inputs, **masks}, case.initial, case.steps)
        for weights in map(values.__getitem__, found):
            assert (weights >= 0).all()
            assert np.abs(weights.sum(-1) - 1).max() <= 2 * weights.shape[-1] * np.finfo(float).eps


def test_an_equal_score_everywhere_gives_the_mean_and_a_far_one_gives_one_column():
    net = attention("dot")
    memory = np.random.default_rng(0).standard_normal((4, 2, 3))
    mean = evaluate(net, {}, {"h": memory, "s": np.zeros((1, 2, 3))})["context"][0]
    assert np.abs(mean - memory.mean(0)).max() <= 1e-15
    unit = np.eye(3)[:, None].repeat(2, 1)
    found = evaluate(net, {}, {"h": unit, "s": 100 * unit[:1]})["context"][0]
    assert np.abs(found - unit[0]).max() <= 1e-40


def test_with_a_causal_mask_no_later_step_matters():
    net = self_attention(2, causal=True)
    case = draw(net, np.random.default_rng(1), Regime(5), net.outputs)
    steps = np.arange(case.steps["t"])
    parameters = {**case.parameters, "M": np.where(steps[:, None] > steps, -1e9, 0.0)}
    before = evaluate(net, parameters, case.inputs)["y"]
    x = case.inputs["x"].copy()
    x[3:] += 1
    after = evaluate(net, parameters, {"x": x})["y"]
    assert np.array_equal(before[:3], after[:3])
    assert np.abs(before[3:] - after[3:]).min() > 0
    minus_infinity = {**parameters, "M": np.where(steps[:, None] > steps, -np.inf, 0.0)}
    assert np.array_equal(evaluate(net, minus_infinity, case.inputs)["y"], before)


@pytest.mark.parametrize("build_", [lambda: self_attention(2, causal=True), lambda: transformer_block(causal=True)])
def test_with_a_causal_mask_no_gradient_comes_from_earlier_steps(build_):
    """∂y[t]/∂x[s] is exactly zero for s > t, and not for s ≤ t; without the mask none is."""
    net = build_()
    (output,) = net.outputs
    adjoint = net.adjoint()
    case = draw(net, np.random.default_rng(3), Regime(4), net.outputs)
    steps = np.arange(case.steps["t"])
    seen = np.where(steps[:, None] > steps, -1e9, 0.0)
    for t in steps:
        up = np.zeros_like(case.cotangents[output])
        up[t] = case.cotangents[output][t]
        for mask, last in ((seen, t), (0 * seen, steps[-1])):
            dx = evaluate(adjoint, {**case.parameters, "M": mask}, {**case.inputs, f"up_{output}": up})["dx"]
            assert (dx[last + 1 :] == 0).all()
            assert (abs(dx[: last + 1]).max((1, 2)) > 0).all()


def test_counts(count):
    """MultiheadAttention(8, 2): 288 (catalogue 7.1); alignment n' (n + 2n + 1), general H², concat 2H² + H."""
    assert count(self_attention(2), D=8, K=4) == 288
    assert count(attention("additive"), A=5, S=3, H=6) == 5 * (3 + 6 + 1)
    assert count(attention("dot"), H=4) == 0
    assert count(attention("general"), H=4, S=4) == 16
    assert count(attention("concat"), A=4, H=4, S=4) == 2 * 16 + 4


NETS = {
    **{score: lambda score=score: attention(score) for score in SCORES},
    "self": lambda: self_attention(2, bias=False),
    "causal": lambda: self_attention(causal=True),
    "block": lambda: transformer_block(2, causal=True, function="silu"),
    "two blocks": lambda: loss(head(stack(transformer_block(), 2), "softmax", at="every")),
    "residual": lambda: residual(stack([derive.load("rnn"), derive.parse("y[t] = A @ x[t]\nA : D, H\nx[t] : H")])),
}


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_autograds(name, gradient_error):
    net = NETS[name]()
    assert gradient_error(net, ("L",) if "L" in net.variables else None) <= 1e-12


@pytest.mark.parametrize("score", ["dot", "additive"])
def test_gradients_with_padding_are_autograds(score, gradient_error):
    assert gradient_error(masked(attention(score), "t"), masks=("m",)) <= 1e-12


BAD = [
    (lambda: attention("cosine"), "attention 'cosine' is unknown; there are additive, dot"),
    (lambda: self_attention(0), "attention with 0 heads"),
    (lambda: residual(derive.parse("y[t] = A @ x[t]\nA : 3, 4\nx[t] : 4")), "x of system is 4 × 1, but y[t] is 3 × 1"),
]


@pytest.mark.parametrize(("build", "reason"), BAD)
def test_what_cannot_be_gets_one_line(build, reason):
    with pytest.raises(derive.EquationError) as caught:
        build()
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


def attention_parameters(module):
    """The parameters of a torch MultiheadAttention under our names."""
    size, width = module.embed_dim, module.embed_dim // module.num_heads
    found = {"W_y": module.out_proj.weight, "b_y": module.out_proj.bias}
    for i, kind in enumerate("qkv"):
        for number in range(module.num_heads):
            rows = slice(i * size + number * width, i * size + (number + 1) * width)
            found[f"W_{kind}_{number + 1}"] = module.in_proj_weight[rows]
            found[f"b_{kind}_{number + 1}"] = module.in_proj_bias[rows]
    return found


@pytest.mark.needs("torch")
@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_is_pytorchs(causal, count):
    """Outputs, weights averaged over the heads, and all gradients of nn.MultiheadAttention(8, 2): 288 parameters."""
    import torch

    torch.manual_seed(1)
    module = torch.nn.MultiheadAttention(8, 2).double()
    torch.nn.init.normal_(module.in_proj_bias)
    net = self_attention(2, causal=causal)
    assert sum(tensor.numel() for tensor in module.parameters()) == count(net, D=8, K=4) == 288
    steps, rng = 5, np.random.default_rng(0)
    later = np.triu(np.ones((steps, steps), bool), 1)
    x, weight = (rng.standard_normal((steps, 3, 8)) for _ in range(2))
    ours = attention_parameters(module)
    given = torch.tensor(x, requires_grad=True)
    out, weights = module(given, given, given, attn_mask=torch.tensor(later) if causal else None)
    (out * torch.tensor(weight)).sum().backward()
    parameters = {name: tensor.detach().numpy() for name, tensor in ours.items()}
    if causal:
        parameters["M"] = np.where(later.T, -1e9, 0.0)
    back = evaluate(net.adjoint(), parameters, {"x": x, "up_y": weight})
    assert np.abs(back["y"] - out.detach().numpy()).max() <= 1e-13
    mean = (back["alpha_1"] + back["alpha_2"]) / 2
    assert np.abs(mean.swapaxes(0, 1) - weights.detach().numpy()).max() <= 1e-15
    assert np.abs(back["dx"] - given.grad.numpy()).max() <= 1e-13
    for whole, letter in (("in_proj_weight", "W"), ("in_proj_bias", "b")):
        found = np.concatenate([back[f"d{letter}_{kind}_{n}"] for kind in "qkv" for n in (1, 2)])
        assert np.abs(found - getattr(module, whole).grad.numpy()).max() <= 1e-13
    assert np.abs(back["dW_y"] - module.out_proj.weight.grad.numpy()).max() <= 1e-13


def block_parameters(module):
    """The parameters of a torch encoder layer under our names, in the order of our equations."""
    found = attention_parameters(module.self_attn)
    for ours, part in (("1", module.linear1), ("2", module.linear2)):
        found |= {f"W_{ours}": part.weight, f"b_{ours}": part.bias}
    for mark, part in (("", module.norm1), ("_2", module.norm2)):
        found |= {f"gain{mark}": part.weight, f"shift{mark}": part.bias}
    return found


@pytest.mark.needs("torch")
@pytest.mark.parametrize("padded", [False, True])
def test_the_encoder_block_is_pytorchs(padded):
    """Outputs and all gradients of nn.TransformerEncoderLayer, with and without a causal mask and padding."""
    import torch

    torch.manual_seed(0)
    steps, batch, size, heads = 5, 3, 6, 2
    module = torch.nn.TransformerEncoderLayer(size, heads, dim_feedforward=7, dropout=0.0).double()
    for part in (module.norm1, module.norm2):
        torch.nn.init.normal_(part.weight)
    rng = np.random.default_rng(0)
    lengths = np.array([5, 2, 4]) if padded else np.full(3, steps)
    valid = (np.arange(steps)[:, None] < lengths) * 1.0
    later = np.triu(np.ones((steps, steps), bool), 1)  # of torch: queries down, keys across
    x, weight = (rng.standard_normal((steps, batch, size)) for _ in range(2))
    weight *= valid[:, :, None]
    ours = block_parameters(module)
    for tensor in ours.values():
        tensor.retain_grad()
    given = torch.tensor(x, requires_grad=True)
    hidden = torch.tensor(valid.T == 0)
    out = module(given, src_mask=torch.tensor(later), src_key_padding_mask=hidden)
    (out * torch.tensor(weight)).sum().backward()

    net = transformer_block(heads, causal=True)
    net = masked(net) if padded else net
    parameters = {name: tensor.detach().numpy() for name, tensor in ours.items()}
    parameters["M"] = np.where(later.T, -1e9, 0.0)
    data = {"x": x, **({"m": valid} if padded else {})}
    values = evaluate(net, parameters, data)
    assert np.abs((values["n_2"] - out.detach().numpy()) * valid[:, :, None]).max() <= 1e-13
    adjoint = net.adjoint(outputs=("n_2",))
    back = evaluate(adjoint, parameters, {**data, adjoint.find("upstream", "n_2").name: weight})
    assert np.abs(back["dx"] - given.grad.numpy()).max() <= 1e-12
    whole = {"in_proj_weight": "W", "in_proj_bias": "b"}
    for torch_name, letter in whole.items():
        wanted = getattr(module.self_attn, torch_name).grad.numpy()
        found = np.concatenate([back[f"d{letter}_{kind}_{n + 1}"] for kind in "qkv" for n in range(heads)])
        assert np.abs(found - wanted).max() <= 1e-12
    for name, tensor in ours.items():
        if tensor.is_leaf:
            assert np.abs(back[adjoint.find("cotangent", name).name] - tensor.grad.numpy()).max() <= 1e-12
