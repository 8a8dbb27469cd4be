"""`bptt stability` and `bptt chain`: what they print, their JSON, and how they refuse."""

import json
from dataclasses import replace

import pytest

from reports.cli import main
from reports.commands import chain as chain_command
from reports.commands import claims as claims_command


def run(capsys, *arguments):
    """Exit status, stdout and stderr."""
    return main(list(arguments)), *capsys.readouterr()


def data(capsys, *arguments):
    status, out, err = run(capsys, *arguments, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


# --- stability ------------------------------------------------------------------------------------------------------


def test_stability_prints_blocks_bound_and_a_table_by_lag(capsys):
    status, out, err = run(capsys, "stability", "rnn-sigmoid", "--scale", "3.8", "--steps", "10", "--sizes", "D=4,H=8")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert "  ∂h[t]/∂h[t-1] = diag(h[t] * (1 - h[t])) @ W_h[:, 0:H]" in lines
    assert "  over k steps ≤ (1/4 ‖W_h[:, 0:H]‖)^k" in lines
    assert "  vanishes if ‖W_h[:, 0:H]‖ < 4" in lines
    rows = [line.split() for line in lines[-11:]]
    assert [row[0] for row in rows] == [str(k) for k in range(11)]
    assert rows[1][2] == "0.95"
    assert all(float(row[1]) <= float(row[2]) * 1.01 for row in rows)


def test_stability_shows_the_direct_path_of_an_lstm(capsys):
    _, out, _ = run(capsys, "stability", "lstm", "--steps", "3")
    assert "direct paths\n  c: diag(f[t])" in out
    assert "‖∂s_T/∂s_(T-k)‖" in out


def test_stability_of_a_network_has_every_recurrence(capsys):
    found = data(capsys, "stability", "tagger", "--steps", "5")
    assert [r["states"] for r in found["recurrences"]] == [["h_fwd"], ["h_bwd"]]
    assert [r["direction"] for r in found["recurrences"]] == [1, -1]
    assert all(len(r["norms"]) == len(r["bounds"]) == 6 for r in found["recurrences"])
    assert all(n <= b * (1 + 1e-9) for r in found["recurrences"] for n, b in zip(r["norms"], r["bounds"], strict=True))


def test_stability_is_reproducible_from_the_seed(capsys):
    first, again = (data(capsys, "stability", "gru", "--seed", "3", "--steps", "4") for _ in range(2))
    other = data(capsys, "stability", "gru", "--seed", "4", "--steps", "4")
    assert first == again
    assert first["recurrences"][0]["norms"] != other["recurrences"][0]["norms"]


def test_long_sums_have_one_term_a_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    cell = "h[t] = (x[t] + b) * h[t-1] + (x[t] + c) * tanh(W_first @ h[t-1]) + (x[t] + d) * tanh(W_second @ h[t-1])"
    lines = run(capsys, "stability", cell, "--steps", "3")[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  ∂h[t]/∂h[t-1] = "))
    assert [line.index("diag((x[t] + ") for line in lines[first + 1 : first + 3]] == [18, 18]
    assert all(len(line) <= 100 for line in lines)


def test_what_explodes_beyond_floats_is_said_and_not_an_error(capsys):
    relu = "h[t] = W @ h[t-1] + U @ x[t]"
    status, out, _ = run(capsys, "stability", relu, "--scale", "1e20", "--steps", "40")
    assert status == 0
    assert "inf" in out.splitlines()[-1]
    assert None in data(capsys, "stability", relu, "--scale", "1e20", "--steps", "40")["recurrences"][0]["bounds"]


def test_the_claims_are_all_confirmed(capsys):
    found = data(capsys, "stability", "--claims")
    assert all(claim["holds"] for claim in found)
    assert {claim["name"] for claim in found if not claim["right"]} == {"sigmoid slope", "relu", "eigenvalues"}
    status, out, _ = run(capsys, "stability", "--claims")
    assert status == 0
    assert "said: eigenvalues below 1 make the gradient shrink (wrong)" in out


def test_a_claim_that_fails_is_status_one(capsys, monkeypatch):
    broken = replace(claims_command.CLAIMS[0], check=lambda: (False, "nothing"))
    monkeypatch.setattr(claims_command, "CLAIMS", (broken,))
    status, out, _ = run(capsys, "stability", "--claims")
    assert status == 1
    assert "NOT CONFIRMED: nothing" in out


# --- chain ----------------------------------------------------------------------------------------------------------


def test_chain_has_one_group_of_terms_for_every_word(capsys):
    status, out, err = run(capsys, "chain", "rnn", "--of", "W_h", "--steps", "3")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    terms = [line.split("  ")[:1] and line.strip() for line in lines if "∂⁺" in line]
    assert [term.split()[0] for term in terms] == ["3", "2", "1"]
    assert "∂L/∂y · ∂y/∂h_3 · ∂h_3/∂h_2 · ∂h_2/∂h_1 · ∂⁺h_1/∂W_h" in terms[2]
    assert "  ∂h[t]/∂h[t-1] = diag(1 - h[t]**2) @ W_h[:, 0:H]" in lines
    assert lines[-1] == "The sum of all 3 paths equals the derived gradient, exactly (modulo 2^61 - 1)."


def test_chain_of_a_network_uses_its_own_loss(capsys):
    found = data(capsys, "chain", "many-to-one", "--of", "W_f", "--steps", "3")
    assert (found["loss"], found["added"], found["paths"]) == ("L", "", 12)
    assert [(word["word"], len(word["terms"])) for word in found["words"]] == [(3, 1), (2, 3), (1, 8)]
    assert found["equals_derived_gradient"] is True


def test_chain_with_a_loss_at_every_step(capsys):
    found = data(capsys, "chain", "rnn", "--at", "every", "--of", "W_h")
    assert [len(word["terms"]) for word in found["words"]] == [1, 2, 3]
    assert found["added"].startswith("a read-out y at every step")


def test_a_sum_that_is_not_the_gradient_is_status_one(capsys, monkeypatch):
    true = chain_command.chain

    def one_short(*arguments, **keywords):
        found = true(*arguments, **keywords)
        return replace(found, terms=found.terms[1:])

    monkeypatch.setattr(chain_command, "chain", one_short)
    monkeypatch.setattr(chain_command, "chain_at", lambda at, *a, **k: one_short(*a, **k))
    status, out, _ = run(capsys, "chain", "rnn", "--of", "W_h")
    assert status == 1
    assert "DOES NOT EQUAL" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("stability",), "stability needs a system, or --claims"),
        (("stability", "rnn", "--steps", "0"), "--steps: from 1 to 10,000, not 0"),
        (("stability", "rnn", "--scale", "-1"), "--scale: a positive norm, not -1"),
        (("stability", "rnn", "--scale", "nan"), "--scale: a positive norm"),
        (("stability", "rnn", "--seed", "-1"), "--seed: 0 or more"),
        (("stability", "rnn", "--sizes", "K=3"), "rnn has no dimension K"),
        (("stability", "y[t] = W @ x[t]"), "has no recurrence"),
        (("stability", "S[t] : K, V; S[t] = f[t] * S[t-1]; f[t] : scalar"), "S is a matrix"),
        (("chain", "rnn", "--of", "V"), "V is no parameter of rnn; there are W_h, b_h"),
        # to word T + 1 − k there are as many as the Fibonacci number F(2k): 1, 3, 8, 21 …; together F(19) − 1
        (("chain", "lstm", "--steps", "9"), "there are 4180 paths from L to W_f, at most 100 are listed"),
        (("stability", "rnn", "--sizes", "H=1000", "--steps", "1000"), "numbers, at most"),
        (("chain", "rnn", "--steps", "0"), "--steps: from 1 to 100, not 0"),
        (("chain", "rnn", "--sizes", "Q=1"), "has no dimension Q"),
        (("chain", "rnn", "--at", "never"), "invalid choice"),
    ],
)
def test_bad_input_is_refused_in_one_line(capsys, arguments, reason):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1
