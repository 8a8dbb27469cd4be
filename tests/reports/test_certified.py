"""The certificate: it has its published form, is checked again from its text, and what was changed in it is found."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive
import numeric
import reports
from derive.evidence import Evidence, Plan
from derive.networks import build
from reports import recheck as recheck_module
from reports.certified import SEAL, certified, digest, schema, seal
from reports.cli import main
from reports.jsonreport import to_json
from reports.recheck import read_certificate, recheck
from reports.schema import LARGEST, FormError, complaint, read_json

RNN = derive.load("rnn")
EVIDENCE = numeric.verify(RNN, cases=3, seed=5)
VALIDATOR = jsonschema.Draft202012Validator(schema())
CERTIFICATE = json.loads(to_json(certified(RNN, EVIDENCE)))


def changed(*path: object, to: object, sealed: bool = True) -> dict:
    """The certificate with one value changed, and its seal made to fit."""
    found = copy.deepcopy(CERTIFICATE)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    if sealed:
        found[SEAL] = seal(found)
    return found


@pytest.fixture
def again(monkeypatch):
    """What verification finds now, without doing it; a list that a test may change."""
    found = list(EVIDENCE)
    asked = []
    monkeypatch.setattr(recheck_module, "verify", lambda system, **how: (asked.append((system, how)), found)[1])
    found_and_asked = (found, asked)
    return found_and_asked


# --- the form ------------------------------------------------------------------------------------------------------


def test_it_has_its_published_form():
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(CERTIFICATE, schema())
    assert CERTIFICATE["system"] == {"text": str(RNN), "sha256": digest(str(RNN))}
    assert (CERTIFICATE["seed"], CERTIFICATE["cases"], CERTIFICATE["holds"]) == (5, 3, True)
    assert [item["worst"] for item in CERTIFICATE["evidence"]] == [item.as_dict()["worst"] for item in EVIDENCE]


def test_evidence_that_verify_did_not_collect_has_none():
    assert certified(RNN, []) is None
    assert certified(RNN, [Evidence("a", "b", 1, 0.0, 1.0, True)]) is None
    assert certified(RNN, [EVIDENCE[0], replace(EVIDENCE[1], plan=Plan(6, 3))]) is None


def test_methods_that_were_not_used_are_named():
    plan = Plan(5, 3, (("torch", "torch is not installed"),))
    found = certified(RNN, [replace(item, plan=plan) for item in EVIDENCE])
    assert found["skipped"] == [{"method": "torch", "reason": "torch is not installed"}]
    jsonschema.validate(json.loads(to_json(found)), schema())


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.floats(0.1, 0.9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "x"]), inner, max_size=2),
    max_leaves=4,
)
PATHS = [
    *((key,) for key in (*CERTIFICATE, "further")),
    ("system", "text"),
    ("system", "more"),
    ("versions", "python"),
    ("evidence", 0),
    ("evidence", 1, "worst"),
    ("evidence", 1, "cases"),
    ("evidence", 2, "more"),
]


@given(st.sampled_from(PATHS), values)
def test_our_reading_of_the_schema_is_that_of_jsonschema(path, value):
    found = changed(*path, to=value, sealed=False)
    assert (complaint(found, schema()) == "") is VALIDATOR.is_valid(found)


def test_a_word_of_json_schema_that_is_not_understood_is_an_error():
    with pytest.raises(NotImplementedError, match="oneOf"):
        complaint({}, {"oneOf": []})


# --- checked again -------------------------------------------------------------------------------------------------


def test_it_holds_when_everything_is_done_again():
    found = recheck(CERTIFICATE)
    assert (found.holds, found.reasons, found.notes) == (True, (), ())
    assert [item.worst for item in found.evidence] == [item.worst for item in EVIDENCE]


def test_the_same_methods_with_the_same_seed(again):
    _, asked = again
    assert recheck(CERTIFICATE).holds
    ((system, how),) = asked
    assert system == RNN
    assert (how["cases"], how["seed"]) == (3, 5)


def test_a_network_is_the_same_after_its_text():
    tagger = build("tagger")
    assert derive.parse(str(tagger)) == tagger.renamed(name="tagger") or str(derive.parse(str(tagger))) == str(tagger)


TAMPERED = [
    (("system", "text"), str(RNN).replace("tanh", "sin"), "not the one whose SHA-256 is given"),
    (("system", "sha256"), "0" * 64, "not the one whose SHA-256 is given"),
    (("evidence", 0, "worst"), 1.0, "it is said to hold, with an error of"),
    (("evidence", 0, "holds"), False, "it did not hold when it was written"),
    (("holds",), False, "not what it says of the parts"),
]


@pytest.mark.parametrize(("path", "value", "reason"), TAMPERED)
def test_what_was_changed_is_found(path, value, reason):
    found = recheck(changed(*path, to=value))
    assert not found.holds
    assert any(reason in text for text in found.reasons)
    assert found.evidence == ()


@pytest.mark.parametrize("path", [("seed",), ("evidence", 0, "worst"), ("evidence", 0, "tolerance"), ("cases",)])
def test_a_change_without_a_new_seal_is_found(path):
    found = recheck(changed(*path, to=2, sealed=False))
    assert "something in the certificate was changed" in " ".join(found.reasons)


def test_a_tolerance_that_was_loosened(again):
    found = recheck(changed("evidence", 0, "tolerance", to=0.5))
    assert "tolerance was 5.000e-01" in " ".join(found.reasons)


def test_another_error_within_the_tolerance_is_a_note(again):
    found = recheck(changed("evidence", 0, "worst", to=1e-30))
    assert found.holds
    assert "worst was 1.000e-30" in " ".join(found.notes)


def test_another_number_of_cases(again):
    assert "4 cases were compared, now 3" in " ".join(recheck(changed("evidence", 0, "cases", to=4)).reasons)


def test_a_method_that_fails_now(again):
    evidence, _ = again
    evidence[1] = replace(evidence[1], holds=False, where="dW_h")
    assert "FAILS" in " ".join(recheck(CERTIFICATE).reasons)


def test_versions_that_differ_are_notes(again):
    evidence, _ = again
    other = changed("versions", "numpy", to="1.0.0")
    evidence[0] = replace(evidence[0], tolerance=(evidence[0].tolerance or 1) * 2)
    found = recheck(other)
    assert found.holds
    assert any(note.startswith("numpy was 1.0.0, is ") for note in found.notes)


def test_a_method_that_cannot_be_used_here(again):
    evidence, _ = again
    evidence[:] = [item for item in evidence if "Hessian" not in item.method]
    assert "not repeated" in " ".join(recheck(CERTIFICATE).reasons)
    found = recheck(changed("versions", "torch", to="0.1"))
    assert found.holds
    assert "not repeated" in " ".join(found.notes)


def test_torch_of_another_version_is_torch(again):
    methods = [item["method"] for item in CERTIFICATE["evidence"]]
    place = next((i for i, method in enumerate(methods) if method.startswith("torch")), None)
    if place is None:
        pytest.skip("torch is not installed")
    found = recheck(changed("evidence", place, "method", to="torch 1.0, reverse mode"))
    assert found.holds


# --- files ---------------------------------------------------------------------------------------------------------

BAD = [
    (b"", "is not JSON"),
    (b"\xff\xfe", "not text in UTF-8"),
    (b"[]", "is no certificate: its format"),
    (b"{}", "is no certificate: its format"),
    (b"[" * 100_000, "is not JSON"),
    (b'{"format": "bptt certificate 1"}', "is no certificate: the file: name is missing"),
    (b'{"format": NaN}', "NaN is no number"),
    (b'{"a": 1, "a": 2}', "a key stands twice"),
    (b'{"a": ' + b"9" * 10_000 + b"}", "is not JSON"),
    (b" " * (LARGEST + 1), "is larger than"),
    (b'{"certificate": null}', "was not verified"),
    (json.dumps(changed("name", to="\x1b[31m")).encode(), "name: .* is not of the form"),
    (json.dumps(changed("cases", to=10**9)).encode(), "cases: 1000000000 is out of range"),
    (json.dumps(changed("evidence", 0, "worst", to="1")).encode(), r"evidence\[0\].worst: number or null is expected"),
    (json.dumps(changed("seed", to=True)).encode(), "seed: integer is expected"),
    (json.dumps(changed("evil", to=1)).encode(), "'evil' is not known"),
]


@pytest.mark.parametrize(("content", "reason"), BAD)
def test_what_is_no_certificate_is_one_line(content, reason, tmp_path):
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(FormError, match=reason) as caught:
        read_certificate(tmp_path / "c.json")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FormError, match="No such file"):
        read_json(tmp_path / "no.json")


def test_a_text_that_is_no_system():
    text = "h[t] = tanh("
    found = changed("system", to={"text": text, "sha256": digest(text)})
    with pytest.raises(FormError, match="the text in the certificate is no system"):
        recheck(found)


# --- commands ------------------------------------------------------------------------------------------------------


def command(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    return status, *capsys.readouterr()


def test_written_and_checked_again(capsys, tmp_path, monkeypatch):
    file = str(tmp_path / "rnn.json")
    status, out, _ = command(capsys, "verify", "rnn", "-o", file)
    assert (status, out.splitlines()[0], out.splitlines()[-1]) == (0, "rnn: holds", file)
    monkeypatch.setattr("reports.commands.recheck.evidence_of", lambda system, tell: EVIDENCE)
    assert command(capsys, "verify", "rnn", "-o", file)[0] == 0  # it is as it was written
    own = Path(file).read_text(encoding="utf-8")
    for other in (own.replace("tanh(", "sin("), json.dumps({"certificate": json.loads(own)}), "[]", "mine"):
        Path(file).write_text(other, encoding="utf-8")
        status, out, err = command(capsys, "verify", "rnn", "-o", file)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert f"{file} exists and is no certificate as it was written; --force overwrites it" in err
        assert Path(file).read_text(encoding="utf-8") == other
    status, out, _ = command(capsys, "verify", "rnn", "-o", file, "--force")
    assert (status, out.splitlines()[-1]) == (0, file)
    status, out, _ = command(capsys, "verify", "--certificate", file)
    assert (status, out.splitlines()[0]) == (0, f"{file}: the certificate of rnn holds")
    text = Path(file).read_text(encoding="utf-8").replace("tanh(", "sin(")
    Path(file).write_text(text, encoding="utf-8")
    status, out, _ = command(capsys, "verify", "--certificate", file)
    assert (status, out.splitlines()[0]) == (1, f"{file}: the certificate of rnn DOES NOT HOLD")
    status, out, _ = command(capsys, "verify", "--certificate", file, "--json")
    assert (status, json.loads(out)["holds"], json.loads(out)["evidence"]) == (1, False, [])
    Path(file).write_text("no JSON", encoding="utf-8")
    status, out, err = command(capsys, "verify", "--certificate", file)
    assert (status, out, len(err.splitlines())) == (2, "", 1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["verify"], "verify takes a SYSTEM, or --certificate FILE"),
        (["verify", "rnn", "--certificate", "c.json"], "takes no SYSTEM"),
        (["verify", "--certificate", "c.json", "--force"], "writes no file"),
        (["verify", "rnn", "gru", "-o", "c.json"], "a certificate is of one SYSTEM"),
    ],
)
def test_options_that_exclude_each_other(capsys, arguments, reason):
    status, out, err = command(capsys, *arguments)
    assert (status, out) == (2, "")
    assert reason in err


@pytest.mark.usefixtures("undrawn")
def test_the_json_of_a_report_holds_the_certificate(tmp_path, again):
    reports.write(RNN, tmp_path, formats=("json",), evidence=EVIDENCE)
    found = read_certificate(tmp_path / "rnn.json")
    assert found == CERTIFICATE
    assert recheck(found).holds
