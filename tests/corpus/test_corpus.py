"""The corpus is what it says: unedited code is right, and every planted mistake is one, and seen in a gradient.

The derivative of each implementation's own forward pass is taken by central differences along random directions, in
double precision (float32 code is read as float64 code); nothing of the toolkit is used.
"""

from functools import cache
from itertools import combinations

import numpy as np
import pytest

import derive
from derive.networks import recipes
from tests.corpus import load

FILES = load.paths()
KNOWN = {*derive.names(), *recipes.NAMED}
BOTH = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
STEP = 1e-4
TOLERANCE = (
    2e-7  # of the five-point rule: STEP⁴/30 · f⁽⁵⁾ ~ 3e-16 · f⁽⁵⁾ and rounding eps/STEP ~ 3e-12, times |f| and |f⁽⁵⁾|
)


@cache
def implementation(path):
    return load.read(path)


def double(path, mistake=None):
    one = implementation(path)
    code, footer = (text.replace("float32", "float64") for text in (load.edited(one, mistake), one.footer))
    return load.execute(code, footer, one.name)


def objective(space, arrays):
    """The scalar that the code differentiates: what the file says, else its loss, else Σ ⟨cotangent, output⟩."""
    if "objective" in space:
        return space["objective"](arrays)
    if "loss" in arrays:
        return float(np.squeeze(arrays["loss"]))
    pairs = [(arrays[key], arrays["output/" + key[10:]]) for key in arrays if key.startswith("cotangent/")]
    assert pairs
    for up, out in pairs:
        assert up.shape == out.shape
    return float(sum((up * out).sum() for up, out in pairs))


def leaf(name, arrays):
    return next((f"{role}/{name}" for role in ("param", "input", "initial") if f"{role}/{name}" in arrays), None)


def disagreements(space, seed=1):
    """Relative differences between ⟨gradient, direction⟩ and the slope of the objective, by name."""
    arrays = load.arrays(space, seed)
    rng = np.random.default_rng(seed)
    worst = {}
    for key in [key for key in arrays if key.startswith("grad/")]:
        name, gradient = key[5:], arrays[key]
        if (place := leaf(name, arrays)) is None:
            continue
        base = arrays[place]
        assert gradient.shape == base.shape, f"{name}: {gradient.shape} for {base.shape}"
        direction = rng.standard_normal(base.shape)
        at = {
            n: objective(space, load.arrays(space, seed, **{place: base + n * STEP * direction}))
            for n in (-2, -1, 1, 2)
        }
        slope = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * STEP)
        size = np.abs(gradient * direction).sum()
        worst[name] = abs(slope - (gradient * direction).sum()) / max(size, 1e-3)
    for name, got, want in space.get("also", lambda arrays: [])(arrays):
        worst[name] = np.abs(got - want).max() / max(np.abs(want).max(), 1e-3)
    unchecked = {key[5:] for key in arrays if key.startswith("grad/")} - set(worst)
    assert not unchecked, f"no check of {sorted(unchecked)}: `also` must name one"
    return worst


def difference(one, other, prefixes=("grad/",)):
    """The largest relative difference between two dumps, over the keys with these prefixes."""
    keys = [key for key in one if key.startswith(prefixes)]
    shapes = [key for key in keys if one[key].shape != other[key].shape]
    ratios = [np.abs(one[k] - other[k]).max() / (np.abs(one[k]).max() + 1e-30) for k in keys if k not in shapes]
    return max([np.inf] * len(shapes) + ratios)


@BOTH
def test_the_unedited_code_is_the_derivative_of_its_own_forward_pass(path):
    worst = disagreements(double(path))
    assert max(worst.values()) < TOLERANCE, worst


@BOTH
def test_every_mistake_is_one_and_no_two_with_different_labels_have_the_same_numbers(path):
    one = implementation(path)
    right = load.dump(one)
    dumps = {mistake: load.dump(one, mistake) for mistake in one.mistakes}
    for mistake, arrays in dumps.items():
        assert all(np.isfinite(value).all() for value in arrays.values()), mistake.name
        forward = {kind for explanation in mistake.accepted for kind, _ in explanation} & {"wrong-forward"}
        same = difference(right, arrays, ("output/", "loss", "input/", "param/", "cotangent/")) == 0
        assert same or forward, f"{mistake.name}: the forward pass has changed"
        worst = max(disagreements(double(path, mistake)).values()) if forward else difference(right, arrays)
        if mistake.verdict == "correct":
            assert worst < TOLERANCE, mistake.name
        else:
            assert worst > 1e-3, f"{mistake.name}: hardly a mistake, {worst}"
        for part in mistake.parts if mistake.stacked else ():
            rest = load.stack("", [one.mistake(name) for name in mistake.parts if name != part], [])
            assert difference(load.dump(one, rest), arrays) > 1e-3, f"{mistake.name}: nothing is seen of {part}"
    for (first, a), (second, b) in combinations(dumps.items(), 2):
        if difference(a, b, ("grad/", "output/")) < 1e-6:
            assert set(first.accepted) & set(second.accepted), f"{first.name} and {second.name} are the same"


def test_the_corpus_is_large_and_each_half_of_it_has_every_kind():
    ones = [implementation(path) for path in FILES]
    singles = [(one, m) for one in ones for m in one.mistakes if not m.stacked]
    stacks = [(one, m) for one in ones for m in one.mistakes if m.stacked]
    assert len(ones) >= 44
    assert len(singles) >= 150
    assert len(stacks) >= 60
    assert sum(one.call is not None for one in ones) >= 12
    for half in (False, True):
        kinds = {f[0] for one, m in singles if one.held_out == half for e in m.accepted[:1] for f in e}
        assert load.KINDS - kinds == set()
    for group in (ones, [one for one, _ in singles], [one for one, _ in stacks]):
        assert 0.4 < np.mean([one.held_out for one in group]) < 0.6


def test_the_check_by_differences_sees_planted_mistakes():
    for path in FILES[::5]:
        for mistake in implementation(path).mistakes:
            if mistake.verdict != "correct" and {f[0] for f in mistake.accepted[0]} - {"clip"}:
                assert max(disagreements(double(path, mistake)).values()) > 1e-4, (path.stem, mistake.name)


@BOTH
def test_the_cell_is_one(path):
    cell = implementation(path).cell
    if cell is not None:
        assert derive.parse(cell).states if "=" in cell else cell in KNOWN


def test_edits_must_fit_and_labels_must_be_of_known_kinds(tmp_path):
    one = implementation(FILES[0])
    with pytest.raises(ValueError, match="0 times, not 1"):
        load.edited(one, load.single("x", [("no such text", "")], [("sign", "*")]))
    unlabelled = tmp_path / "impl_99.py"
    unlabelled.write_text(one.code + one.footer.replace('("sign"', '("sing"').replace('"clip"', '"crop"'))
    with pytest.raises(ValueError, match="no such kind"):
        load.read(unlabelled)
    unlabelled.write_text(one.code)
    with pytest.raises(ValueError, match="no line begins"):
        load.read(unlabelled)


def test_a_diagnosis_is_right_only_with_the_right_kind_in_the_right_place_and_nothing_more():
    accepted = ((("sign", "Wf f"), ("scale", "*")), (("clip", "h"),))
    mistake = load.Mistake("x", (), accepted, "wrong", ("x",))
    sign, scale = {"kind": "sign", "where": "dWf"}, {"kind": "scale", "where": "b"}
    assert not load.explains([sign, scale], mistake)
    assert load.explains([scale, {"kind": "sign", "where": "c → f[t]"}], mistake)
    assert load.explains([{"kind": "clip", "where": ["h"]}], mistake)
    assert not load.explains([{"kind": "clip", "where": "h"}, scale], mistake)
    assert not load.explains([], mistake)
    both = load.Mistake("y", (), ((("sign", "Wf"), ("sign", "Wi")),), "wrong", ("y",))
    assert load.explains([{"kind": "sign", "where": ["Wf", "Wi"]}], both)
    assert not load.explains([{"kind": "sign", "where": "Wf"}], both)
