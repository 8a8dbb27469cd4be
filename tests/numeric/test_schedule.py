"""Stages, residuals and passes: what is computed where, and that each pass does its one thing."""

import re
from dataclasses import replace

import pytest

import derive
from derive.expr import is_op
from derive.library import load
from derive.networks import embedded
from numeric.passes import PASSES, optimise
from numeric.passes.blend import blend
from numeric.passes.collect import collect
from numeric.passes.draft import common_name, subexpressions
from numeric.passes.factor import factor
from numeric.passes.fold import fold
from numeric.passes.gather import gather
from numeric.passes.halve import halve
from numeric.passes.hoist import hoist
from numeric.passes.inline import inline
from numeric.passes.lift import lift
from numeric.passes.merge import merge
from numeric.passes.pack import pack
from numeric.passes.part import part
from numeric.passes.prune import prune
from numeric.passes.share import share
from numeric.passes.split import split
from numeric.schedule import residuals, schedule
from tests.numeric.agreement import SYSTEMS, kernel_of


def texts(stages):
    return [str(equation) for stage in stages for equation in stage.equations]


def scan(stages):
    (found,) = [stage for stage in stages if stage.kind == "scan"]
    return found


def products(stage):
    return [op for e in stage.equations for op in subexpressions(e.expr) if is_op(op, "matmul")]


def test_stages_of_the_rnn():
    plan = schedule(derive.parse(SYSTEMS["split"]))
    assert [(stage.kind, stage.axis, stage.direction) for stage in plan.forward] == [("scan", "t", 1)]
    assert [stage.kind for stage in plan.backward] == ["once", "scan", "once", "map", "once", "once", "once"]
    assert scan(plan.backward).direction == -1
    assert residuals(plan) == ("h", "W", "U", "x")
    assert plan.gradients == {"h": "dh", "W": "dW", "U": "dU", "x": "dx", "b": "db"}
    assert plan.upstream == {"h": "up_h"}
    assert plan.ends == {"h": ("end_h",)}
    assert plan.leaves == ("x", "W", "U", "b")


def test_a_map_has_no_loop():
    plan = schedule(derive.parse("y[t] = tanh(W @ x[t] + V @ x[t-1])"))
    assert {stage.kind for stage in plan.stages} == {"map", "once"}
    assert "for " not in kernel_of(derive.parse("y[t] = tanh(W @ x[t])")).source.split('"""')[2]


def test_directions():
    plan = schedule(derive.parse(SYSTEMS["bidirectional"]))
    assert [stage.direction for stage in plan.forward if stage.kind == "scan"] == [1, -1]
    assert sorted(stage.direction for stage in plan.backward if stage.kind == "scan") == [-1, 1]


def test_nothing_to_differentiate():
    plan = schedule(derive.parse("j[t] : index V\nconst E : H, V\ny[t] = take(E, j[t])"))
    assert plan.backward == ()
    assert plan.gradients == {}


def test_unknown_output():
    with pytest.raises(ValueError, match="q is no defined quantity of rnn; there are h"):
        schedule(load("rnn"), ("q",))


# --- passes ----------------------------------------------------------------------------------------------------------


def test_fold():
    plan = fold(schedule(load("rnn")))
    assert "g_h[T+1] = end_h" in texts(plan.backward)
    assert "dh[t] = up_h[t] + g_h[t+1]" in texts(plan.backward)


def test_fold_joins_what_starts_together():
    """A read-out of h[T] and the cotangent of the final state enter at one place."""
    plan = fold(schedule(derive.parse("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ h[T]")))
    assert "g_h[T+1] = V.T @ dy + end_h" in texts(plan.backward)
    assert not any("place" in text for text in texts(plan.backward))


def test_fold_keeps_what_somebody_else_reads():
    """g_h[T+1] is read at the step T-1 too: it is no place for another value."""
    system = derive.parse(SYSTEMS["lag"])
    plan = schedule(system)
    assert sum("place" in text for text in texts(fold(plan).backward)) < sum("place" in t for t in texts(plan.backward))


def test_split_then_hoist():
    plan = hoist(split(schedule(load("rnn"))))
    assert "z_h[t] = rows(W_h.T, 0:H).T @ h[t-1] + z_h_in[t]" in texts(plan.forward)
    assert "z_h_in[t] = rows(W_h.T, H:D + H).T @ x[t] + b_h" in texts(plan.forward)
    assert [stage.kind for stage in plan.forward] == ["map", "scan"]


def test_hoist_takes_coefficients():
    plan = hoist(schedule(load("rnn")))
    assert "dz_h_by[t] = 1 - h[t]**2" in texts(plan.backward)
    assert "dz_h[t] = dh[t] * dz_h_by[t]" in texts(plan.backward)


def test_hoist_leaves_the_recurrence():
    system = derive.parse("h[t] = tanh(W @ h[t-1]) * tanh(V @ h[t-1])\ny[t] = h[t]", name="autonomous")
    plan = schedule(system)
    assert hoist(plan).forward == plan.forward


def test_share():
    plan = share(schedule(load("lstm")))
    calls = [text for text in texts(plan.stages) if "tanh(c[t])" in text]
    assert calls == ["tanh_c[t] = tanh(c[t])"]
    assert "tanh_c" in residuals(plan)


def test_merge():
    """What all gates read is taken once, and the gradient of the table is one sum of columns."""
    system = embedded(load("lstm"))
    assert sum("take(E, k[t])" in text for text in texts(schedule(system).forward)) == 4
    plan = merge(schedule(system))
    assert sum("take(E, k[t])" in text for text in texts(plan.forward)) == 1
    assert sum("scatter" in text for text in texts(plan.backward)) == 1
    (total,) = (text for text in texts(plan.backward) if text.startswith("dE_t[t] = "))
    assert total.count("@ dz_") == 4


def test_halve():
    plan = halve(schedule(load("lstm")))
    assert "W_f_half = 0.5 * W_f" in texts(plan.forward)
    assert "z_f_half[t] = W_f_half @ [h[t-1], x[t]] + b_f_half" in texts(plan.forward)
    assert "f[t] = 0.5 * tanh(z_f_half[t]) + 0.5" in texts(plan.forward)
    assert "z_g[t] = W_g @ [h[t-1], x[t]] + b_g" in texts(plan.forward)


def test_halve_leaves_what_somebody_else_reads():
    system = derive.parse("z[t] = W @ h[t-1] + x[t]\nh[t] = sigmoid(z[t])\ny[t] = z[t] * h[t]")
    assert not any("half" in text for text in texts(halve(schedule(system)).forward))


def test_blend():
    plan = blend(schedule(load("gru-reset-after")))
    assert "h[t] = n[t] + z[t] * (h[t-1] - n[t])" in texts(plan.forward)
    cell = "h[t] = x[t] + z[t] * g[t] + (1 - z[t]) * h[t-1]\nz[t] = sigmoid(W @ h[t-1])\ng[t] = tanh(V @ x[t])"
    assert "h[t] = x[t] + h[t-1] + z[t] * (g[t] - h[t-1])" in texts(blend(schedule(derive.parse(cell))).forward)


@pytest.mark.parametrize(
    "text",
    [
        "h[t] = (1 - z[t]) * h[t-1] + z[t] * x[t]\nz[t] = sigmoid(W @ x[t])",  # a linear recurrence
        "h[t] = (2 - z[t]) * h[t-1] + z[t] * x[t]\nz[t] = sigmoid(W @ h[t-1])",
        "h[t] = (1 - r[t]) * h[t-1] + z[t] * x[t]\nz[t] = sigmoid(W @ h[t-1])\nr[t] = sigmoid(V @ h[t-1])",
        "h[t] = (1 - s[t]) * h[t-1] + s[t] * x[t]\ns[t] = sigmoid(w.T @ h[t-1])",  # one share for all rows
    ],
)
def test_blend_leaves_what_is_no_share_and_rest(text):
    plan = schedule(derive.parse(text))
    assert texts(blend(plan).forward) == texts(plan.forward)


def test_factor_then_inline():
    plan = inline(factor(schedule(load("gru-reset-after"))))
    (found,) = (text for text in texts(plan.backward) if text.startswith("da_z[t] ="))
    assert found == "da_z[t] = dh[t] * (-n[t] + h[t-1]) * z[t] * (1 - z[t])"


def test_inline_leaves_what_is_needed_twice():
    plan = schedule(derive.parse("a[t] = h[t-1] * x[t]\nb[t] = a[t] * x[t]\nh[t] = tanh(a[t] + W @ b[t])"))
    assert "a[t] = h[t-1] * x[t]" in texts(inline(plan).forward)


def test_join():
    plan = optimise(schedule(load("gru")))
    (gates,) = (text for text in texts(plan.forward) if text.endswith("= [z[t], r[t]]"))
    assert gates in texts([scan(plan.forward)])


def test_pack_and_lift():
    plan = schedule(load("lstm"))
    assert len(products(scan(plan.forward))) == 4
    packed = lift(pack(hoist(split(plan))))
    assert [str(op) for op in products(scan(packed.forward))] == ["W_h @ h[t-1]"]
    assert "z[t] = W_h @ h[t-1] + z_in[t]" in texts(packed.forward)
    assert "z_in[t] = W_x @ x[t] + b" in texts(packed.forward)
    assert "z_f[t] = rows(z[t], 0:H)" in texts(packed.forward)


def test_pack_waits_for_its_operand():
    """The output gate of this LSTM sees c[t], which the other gates make: it is packed for h alone."""
    plan = pack(split(schedule(load("lstm-peephole"))))
    assert [str(op) for op in products(scan(plan.forward))] == ["W_h @ h[t-1]", "W_x @ x[t]"]


def test_gather_and_collect():
    plan = collect(gather(schedule(load("lstm"))))
    assert "g_h[t] = W_g_h.T @ dz[t]" in texts(plan.backward)
    assert "dW = sum[t](dz[t] @ [h[t-1], x[t]].T)" in texts(plan.backward)
    assert "dW_i = rows(dW, H:2*H)" in texts(plan.backward)
    assert "dW" not in plan.batched


def test_gather_lays_side_by_side_what_two_products_need():
    plan = optimise(schedule(load("gru-reset-after")))
    (joined,) = [e for e in scan(plan.backward).equations if is_op(e.expr, "concat")]
    names = [part.name for part in joined.expr.operands]
    assert names[:3] == ["da_n", "da_z", "da_r"]
    assert len(names) == 4
    found = [str(op).partition(" @ ")[2] for stage in plan.backward for op in products(stage)]
    assert found[:2] == ["rows(da[t], H:4*H)", "rows(da[t], 0:3*H)"]


def test_part():
    before = PASSES[: PASSES.index(part)]
    found = texts(part(optimise(schedule(load("gru-reset-after")), before)).backward)
    assert "dW_z_h = sum[t](da_z[t] @ h[t-1].T)" in found
    assert "dW_z_x = sum[t](da_z[t] @ x[t].T)" in found
    assert "dW_z = [dW_z_h.T, dW_z_x.T].T" in found
    source = kernel_of(load("gru-reset-after")).source
    assert len(re.findall(r"added\(\w+, .* @ ", source)) == 2


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_part_leaves_what_nobody_needs_alone(name):
    plan = optimise(schedule(load(name)), PASSES[: PASSES.index(part)])
    assert texts(part(plan).stages) == texts(plan.stages)


def test_prune():
    plan = schedule(load("lstm"), ("c",))
    assert len(texts(prune(plan).forward)) == len(texts(plan.forward))  # the final value of h needs it
    extra = derive.parse("h[t] = tanh(W @ h[t-1] + x[t])\ny[t] = exp(h[t])")
    assert not any(text.startswith("y") for text in texts(prune(schedule(extra, ("h",))).forward))


@pytest.mark.parametrize("rewrite", PASSES)
def test_passes_are_pure_and_end(rewrite):
    plan = schedule(load("gru"))
    kept = replace(plan)
    once = rewrite(plan)
    assert plan == kept
    assert texts(rewrite(once).stages) == texts(once.stages) or rewrite in (hoist, pack, collect, share)


def test_no_passes_is_the_schedule():
    plan = schedule(load("lstm"))
    assert optimise(plan, ()) == plan


@pytest.mark.parametrize(
    ("names", "common"),
    [(("dW_f", "dW_i"), "dW"), (("z_f_in", "z_i_in"), "z_in"), (("W_f", "U"), "W_f_U"), (("a", "b", "c"), "a_b_etc")],
)
def test_common_names(names, common):
    assert common_name(names) == common
