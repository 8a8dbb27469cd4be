"""`bptt`: what it prints, its JSON, its exit status, and that it fails in one line."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import derive
from derive.evidence import Evidence
from derive.networks import NAMED
from reports.cli import main
from reports.commands import output as output_command
from reports.commands import pdf as pdf_command
from reports.commands import progress as progress_command
from reports.commands import verify as verify_command
from reports.commands.code import report_numbers

ROOT = Path(__file__).parents[1]
RNN = "h[t] = tanh(W @ h[t-1] + U @ x[t] + b)"
COMMANDS = (
    *("list", "index", "show", "count", "stability", "chain", "notes", "verify"),
    *("report", "check", "encode", "code", "weights", "bench", "demo"),
)


def run(capsys, *arguments):
    """Exit status, stdout and stderr."""
    status = main(list(arguments))
    return status, *capsys.readouterr()


def data(capsys, *arguments):
    """The JSON of a command that is expected to succeed, saying nothing else."""
    status, out, err = run(capsys, *arguments, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


HELD = [Evidence("gradient", "autograd", 8, 1.5e-16, 1e-13, True)]


@pytest.fixture
def quick(monkeypatch):
    """Reports of what is taken for verified, without pictures."""
    monkeypatch.setattr(verify_command, "evidence_for", lambda *_, **__: HELD)
    monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)


def failure(capsys, *arguments):
    """The reason of a command that is expected to fail; nothing on stdout, one line and perhaps a caret on stderr."""
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("bptt")
    assert "Traceback" not in err
    assert all(line.startswith("  ") for line in err.splitlines()[1:])
    return err


def process(*arguments, environment=None, stdout=subprocess.PIPE):
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "reports.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        timeout=60,
        check=False,
    )


# --- help ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_help_imports_nothing_heavy(command):
    loaded = (
        "import sys; from reports.cli import main; main(sys.argv[1:]);"
        "heavy = {'derive', 'numeric', 'sympy', 'numpy', 'autograd', 'rich', 'matplotlib'};"
        "print(*(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded, *command, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("usage: bptt")
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(capsys, command):
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert f"  bptt {command}" in out.partition("examples:")[2]


@pytest.mark.parametrize(
    "arguments", [(), ("derive",), ("demo",), ("show",), ("count", "lstm", "--size"), ("code", "lstm", "gru")]
)
def test_usage_errors_are_one_line(capsys, arguments):
    assert failure(capsys, *arguments).count("\n") == 1


# --- list, show, count ----------------------------------------------------------------------------------------------


def test_list(capsys):
    listed = data(capsys, "list")
    assert [entry["name"] for entry in listed] == list(derive.names())
    assert all(set(entry) == {"name", "title", "family", "source", "states", "parameters"} for entry in listed)
    (lstm,) = (entry for entry in listed if entry["name"] == "lstm")
    assert lstm["states"] == ["h", "c"]
    assert {"W_f", "b_o"} <= set(lstm["parameters"])
    _, out, _ = run(capsys, "list")
    _, *families, _, networks = out.split("\n\n")
    assert [family.splitlines()[0] for family in families] == list(dict.fromkeys(e["family"] for e in listed))
    assert [line.split()[0] for family in families for line in family.splitlines()[1:]] == list(derive.names())
    assert len(networks.splitlines()) == 1 + len(NAMED)


def test_show_equations_given_on_the_command_line(capsys):
    status, out, err = run(capsys, "show", RNN)
    assert (status, err) == (0, "")
    for shown in (" = W h[t-1] + U x[t] + b", "h[t] = tanh(", "δh[t] = ", "∂L/∂W = ", "H × D", "H*(D + H + 1)"):
        assert shown in out


def test_show_as_json_is_what_can_be_parsed_again(capsys):
    shown = data(capsys, "show", "gru")
    system = derive.load("gru")
    assert shown["title"] == system.title
    assert shown["shapes"]["W_z"] == ["H", "D + H"]
    declarations = "W_z, W_r, W_n : H, D + H\nb_z, b_r, b_n : H\n"
    assert derive.parse(declarations + "\n".join(shown["forward"])) == system
    adjoint = "\n".join(map(str, system.adjoint().equations))
    assert shown["backward"]
    assert all(line in adjoint for line in shown["backward"])


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_show_what_has_no_gradient(capsys, form):
    assert "system has no gradient" in failure(capsys, "show", "h[t] = 1", *form)


def test_one_object_for_one_name_and_a_list_for_several(capsys):
    for command in ("show", "count"):
        assert data(capsys, command, "rnn")["name"] == "rnn"
        assert [each["name"] for each in data(capsys, command, "rnn", "gru")] == ["rnn", "gru"]


def test_count_of_the_notes_lstm(capsys):
    counts = data(capsys, "count", "lstm", "--sizes", "D=4,H=3")
    assert set(counts) == {"name", "parameters", "conventions"}
    assert counts["parameters"]["total"] == 96
    assert counts["parameters"]["each"]["W_f"] == {"shape": [3, 7], "count": 21}
    assert counts["parameters"]["each"]["b_f"] == {"shape": [3], "count": 3}
    assert counts["conventions"] == {"paper": 96, "keras": 96, "pytorch": 108, "onnx": 108}


def test_count_without_sizes_is_symbolic(capsys):
    counts = data(capsys, "count", "lstm")
    assert counts["parameters"]["symbolic"] == counts["parameters"]["total"] == "4*H*(D + H + 1)"
    assert counts["parameters"]["each"]["W_f"]["shape"] == ["H", "D + H"]
    _, out, _ = run(capsys, "count", "lstm", "--sizes", "D=4,H=3")
    assert "96" in out
    assert "108" in out


def test_count_of_a_cell_no_framework_has(capsys):
    conventions = data(capsys, "count", "jordan", "--sizes", "D=4,H=3,O=2")["conventions"]
    assert conventions["pytorch"] is None
    assert conventions["keras"] is None


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ("D", "'D' is not a dimension"),
        ("D=", "'D=' is not"),
        ("D=four", "'D=four' is not"),
        ("D=-1", "'D=-1' is not"),
        ("D=0", "'D=0' is not"),
        ("D=1.5", "'D=1.5' is not"),
        ("4=D", "'4=D' is not"),
        ("D=4,D=5", "D is given twice"),
        ("D=" + "9" * 5000, "is not"),
        ("H=3", "lstm: counting needs a size for D"),
        ("K=1", "lstm has no dimension K; there are D, H"),
    ],
)
def test_sizes_that_mean_nothing(capsys, sizes, reason):
    err = failure(capsys, "count", "lstm", "--sizes", sizes)
    assert reason in err
    assert err.count("\n") == 1
    assert len(err) < 200


# --- what an argument stands for --------------------------------------------------------------------------------------


def test_file_of_equations(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mycell.eqs").write_text(f"\ufeff# mine\r\nW : H, H\r\n{RNN}\r\n", encoding="utf-8")
    assert data(capsys, "show", "mycell.eqs")["name"] == "mycell"
    assert data(capsys, "show", str(tmp_path / "mycell.eqs"))["name"] == "mycell"
    Path("lstm").write_text(RNN)
    assert len(data(capsys, "show", "lstm")["parameters"]) == 8
    assert data(capsys, "show", "./lstm")["parameters"] == ["W", "U", "b"]
    Path("../ a b\n<c>.eqs").write_text(RNN)
    assert data(capsys, "show", "../ a b\n<c>.eqs")["name"] == "a-b-c"


def test_statements_split_at_semicolons_outside_of_brackets(capsys):
    shown = data(capsys, "show", "z[t] = W @ x[t]; h[t] = tanh(z[t] + h[t-1])  # a; b")
    assert shown["forward"] == ["z[t] = W @ x[t]", "h[t] = tanh(z[t] + h[t-1])"]
    assert shown["name"] == "system"
    failure(capsys, "show", "h[t] = tanh(x[t]; h[t-1])")


def test_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(RNN.encode())))
    assert data(capsys, "show", "-")["forward"] == [RNN]


def test_warnings_go_to_stderr_and_strict_makes_them_errors(capsys):
    typo = "W_h : H, H; h[t] = tanh(W_h @ h[t-1] + Wh @ x[t])"
    status, out, err = run(capsys, "show", typo, "--json")
    assert status == 0
    assert json.loads(out)["name"] == "system"
    assert err.startswith("bptt: warning: Wh looks like W_h")
    assert "Wh looks like W_h" in failure(capsys, "show", typo, "--strict")


@pytest.mark.parametrize("command", [("show",), ("count",), ("verify",), ("report",), ("code",), ("show", "--json")])
@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("ltsm", "'ltsm' is neither a name, a file nor equations; did you mean 'lstm'?"),
        ("", "'' is neither"),
        ("no/such/file.eqs", "'no/such/file.eqs' is neither"),
        ("h[t] = tahn(h[t-1])", "^^^^"),
        ("h[t] = (h[t-1]).__class__", "line 1"),
        ("h[t] = " + "x[t] + " * 50_000 + "1", "characters"),
        ("h[t] = h[t-1]\0", "unexpected character U+0000"),
        ("a" * 10_000, "is neither"),
        ("=", "line 1"),
    ],
)
def test_arguments_that_mean_nothing(capsys, command, argument, reason):
    err = failure(capsys, *command, argument)
    assert reason in err
    assert len(err) < 600


@pytest.mark.parametrize("command", ["show", "report"])
def test_files_that_cannot_be_read(capsys, tmp_path, command):
    binary, long, hidden = tmp_path / "binary.eqs", tmp_path / "long.eqs", tmp_path / "nul.eqs"
    binary.write_bytes(bytes(range(256)))
    long.write_text("# " + "x" * 2_000_000)
    hidden.write_text("h[t] = h[t-1]\0")
    assert "directory" in failure(capsys, command, str(tmp_path))
    assert "not a text file" in failure(capsys, command, str(binary))
    assert "characters" in failure(capsys, command, str(long))
    assert "not a text file" in failure(capsys, command, str(hidden))
    wrong = tmp_path / "wrong.eqs"
    wrong.write_text("h[t] = x[t]\nc[t] = nothing(h[t])\n")
    err = failure(capsys, command, str(wrong))
    assert f"{wrong}: line 2" in err
    assert "^^^^^^^" in err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
def test_endless_file(capsys):
    assert "text file" in failure(capsys, "show", "/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file(capsys, tmp_path):
    (tmp_path / "secret.eqs").write_text(RNN)
    (tmp_path / "secret.eqs").chmod(0)
    assert "Permission denied" in failure(capsys, "show", str(tmp_path / "secret.eqs"))


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_is_always_a_list(capsys):
    (verdict,) = data(capsys, "verify", RNN)
    assert set(verdict) == {"name", "holds", "evidence"}
    assert verdict["holds"] is True
    assert len({item["method"] for item in verdict["evidence"]}) > 2
    for item in verdict["evidence"]:
        assert set(item) == {"claim", "method", "cases", "worst", "tolerance", "holds"}
        assert item["holds"] is True
        assert item["cases"] > 0
    status, out, err = run(capsys, "verify", RNN)
    assert (status, err) == (0, "")
    assert out.startswith("system: holds\n")


@pytest.mark.parametrize("failing", [0, 1])
def test_what_does_not_hold_has_status_1(capsys, monkeypatch, failing):
    evidence = [
        Evidence("dW is the gradient", "planted", 3, 0.5, 1e-9, holds=place != failing, where="dW")
        for place in range(2)
    ]
    monkeypatch.setattr(verify_command, "evidence_for", lambda system, progress: evidence)
    status, out, _ = run(capsys, "verify", "rnn", "gru", "--json")
    assert status == 1
    assert [verdict["holds"] for verdict in json.loads(out)] == [False, False]
    status, out, _ = run(capsys, "verify", "rnn")
    assert status == 1
    assert out.startswith("rnn: DOES NOT HOLD\n")
    assert "at dW" in out


def test_no_evidence_is_not_success(capsys, monkeypatch):
    monkeypatch.setattr(verify_command, "evidence_for", lambda system, progress: [])
    assert "no check could be done" in failure(capsys, "verify", "rnn")


def test_what_has_no_gradient_cannot_be_verified(capsys):
    assert "cannot be verified" in failure(capsys, "verify", "h[t] = 1")


# --- report -----------------------------------------------------------------------------------------------------------


def test_a_network_goes_by_its_name(capsys):
    assert data(capsys, "count", "rnn-deep")["name"] == "rnn-deep"
    assert main(["list"]) == 0
    assert "tagger" in capsys.readouterr().out


def test_report_of_a_cell_never_seen_before(capsys, tmp_path):
    cell = tmp_path / "mycell.eqs"
    cell.write_text("h[t] = tanh(W @ h[t-2] + U @ x[t]) * sigmoid(v)")
    out = tmp_path / "new" / "out"
    written = data(capsys, "report", str(cell), "-o", str(out))
    assert written["name"] == "mycell"
    assert written["holds"] is True
    assert {"mycell.html", "mycell.json", "mycell.tex"} <= {path.name for path in out.iterdir()}
    assert sorted(written["files"]) == sorted(map(str, out.iterdir()))
    json.loads((out / "mycell.json").read_text(encoding="utf-8"))


def test_report_refuses_names_that_collide(capsys, tmp_path):
    assert "two systems are called" in failure(capsys, "report", "rnn", "rnn", "-o", str(tmp_path / "out"))
    for name in ("a b", "A.b", "a-b"):
        (tmp_path / f"{name}.eqs").write_text(RNN, encoding="utf-8")
    alike = [str(tmp_path / f"{name}.eqs") for name in ("A.b", "a b", "a-b")]
    assert "two systems are called a-b" in failure(capsys, "report", *alike, "-o", str(tmp_path))
    assert "two systems are called system" in failure(capsys, "report", RNN, RNN + " + x[t]", "-o", str(tmp_path))
    (tmp_path / "LSTM.eqs").write_text(RNN)
    assert "called LSTM" in failure(capsys, "report", "lstm", str(tmp_path / "LSTM.eqs"), "-o", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_report_into_what_is_no_directory(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot write" in failure(capsys, "report", "rnn", "-o", str(tmp_path / "file"))


def test_report_in_a_notation_that_does_not_exist(capsys, tmp_path):
    err = failure(capsys, "report", "rnn", "--notation", "fraktur", "-o", str(tmp_path / "out"))
    assert "fraktur" in err
    assert "standard" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [(("latexmk", "chromium"), "latexmk"), (("chromium", "google-chrome"), "chromium"), (("msedge",), "msedge")],
)
def test_pdf_by_latexmk_before_a_browser(monkeypatch, installed, chosen):
    monkeypatch.setattr(pdf_command.shutil, "which", lambda name: f"/bin/{name}" if name in installed else None)
    assert pdf_command.maker() == f"/bin/{chosen}"


def test_a_file_in_the_way_is_kept_and_found_before_the_work(capsys, tmp_path, monkeypatch):
    mine = tmp_path / "gru.tex"
    mine.write_text("mine")
    monkeypatch.setattr(verify_command, "evidence_for", lambda *_, **__: pytest.fail("verified before looking"))
    assert "--force overwrites it" in failure(capsys, "report", "rnn", "gru", "-o", str(tmp_path))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.usefixtures("quick")
def test_a_report_replaces_a_report(capsys, tmp_path):
    first = {
        Path(file): Path(file).read_bytes() for file in data(capsys, "report", "rnn", "-o", str(tmp_path))["files"]
    }
    data(capsys, "report", "rnn", "-o", str(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == first
    (tmp_path / "rnn.html").write_text("edited")
    assert "did not write it" in failure(capsys, "report", "rnn", "-o", str(tmp_path))
    data(capsys, "report", "rnn", "--force", "-o", str(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == first


@pytest.mark.usefixtures("quick")
def test_the_equations_alone(capsys, tmp_path):
    (file,) = data(capsys, "report", "rnn", "--fragment", "-o", str(tmp_path))["files"]
    assert file == str(tmp_path / "rnn+equations.tex")
    assert r"\label{rnn:eq-h}" in Path(file).read_text()


@pytest.mark.parametrize(
    ("whole", "option"),
    [
        *(("--fragment", option) for option in ("--pdf", "--path 5:2", "--example none", "--detail brief")),
        *(("--fragment", option) for option in ("--sizes D=2", "--exercise", "--blank delta")),
        *(("--compare", option) for option in ("--fragment", "--path 5:2", "--example none", "--detail brief")),
        *(("--compare", option) for option in ("--exercise", "--blank delta")),
    ],
)
def test_options_that_would_say_nothing_are_refused(capsys, tmp_path, whole, option):
    said = failure(capsys, "report", "rnn", "gru", whole, *option.split(), "-o", str(tmp_path))
    assert option.split()[0] in said
    assert "leave out" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [("verify", "rnn"), ("code", "rnn"), ("weights", "w.npz")])
def test_force_without_a_file_is_refused(capsys, command):
    assert "there is none" in failure(capsys, *command, "--force")


@pytest.mark.usefixtures("quick")
def test_a_directory_that_takes_no_files(capsys, tmp_path):
    assert re.search(r"cannot write /proc/.*: ", failure(capsys, "report", "rnn", "-o", "/proc/bptt-reports"))


def test_pdf_without_a_program_says_what_to_install(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf_command.shutil, "which", lambda name: None)
    assert "latexmk" in failure(capsys, "report", "rnn", "--pdf", "-o", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", ["latexmk", "chromium"])
def test_pdf(capsys, tmp_path, monkeypatch, program):
    if not shutil.which(program):
        pytest.skip(f"not installed: {program}")
    path = shutil.which(program)
    monkeypatch.setattr(pdf_command.shutil, "which", lambda name: path if name == program else None)
    monkeypatch.setattr(verify_command, "evidence_for", lambda *_, **__: HELD)
    written = data(capsys, "report", "rnn", "--pdf", "-o", str(tmp_path))
    assert (tmp_path / "rnn.pdf").read_bytes().startswith(b"%PDF")
    assert str(tmp_path / "rnn.pdf") in written["files"]
    assert sorted(written["files"]) == sorted(map(str, tmp_path.iterdir()))


# --- code -------------------------------------------------------------------------------------------------------------


def test_code_is_a_module(capsys, tmp_path):
    status, out, err = run(capsys, "code", RNN)
    assert (status, err) == (0, "")
    compile(out, "code", "exec")
    assert "import numpy" in out
    path = tmp_path / "cell.py"
    assert run(capsys, "code", RNN, "-o", str(path)) == (0, f"{path}\n", "")
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    assert first.startswith("# bptt code, digest ")
    assert rest == out
    assert data(capsys, "code", RNN)["source"] == out


@pytest.mark.parametrize("name", derive.names())
def test_every_architecture_has_code(capsys, name):
    status, out, err = run(capsys, "code", name)
    assert (status, err) == (0, "")
    assert {"forward", "backward"} <= set(compile(out, name, "exec").co_names)


@pytest.mark.parametrize(("target", "word"), [("torch", "import torch"), ("jax", "jax.custom_vjp")])
def test_code_for_other_frameworks_has_the_numbers_of_the_report(capsys, target, word):
    status, out, err = run(capsys, "code", RNN, "--target", target)
    assert (status, err) == (0, "")
    assert word in out
    numbers = report_numbers(derive.parse(RNN))
    assert f"({numbers['dW']}) dW = " in out
    assert f"# ({numbers['dW']})" in out


def test_code_does_not_overwrite(capsys, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text("mine")
    assert "--force" in failure(capsys, "code", RNN, "-o", str(path))
    assert path.read_text() == "mine"
    assert run(capsys, "code", RNN, "-o", str(path), "--force") == (0, f"{path}\n", "")
    assert "import numpy" in path.read_text()
    assert "cannot write" in failure(capsys, "code", RNN, "-o", str(tmp_path), "--force")


# --- progress ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("patience", "seen"), [(0, True), (60, False)])
def test_progress_on_a_terminal(capsys, monkeypatch, patience, seen):
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress_command, "PATIENCE", patience)
    with progress_command.progress() as say:
        progress_command.after("verify lstm", say)("autograd")
        time.sleep(0.3)
    assert ("verify lstm: autograd" in terminal.getvalue()) is seen
    assert capsys.readouterr().out == ""


def test_progress_of_several_things_has_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress_command, "PATIENCE", 0)
    with progress_command.progress(2) as say:
        say("report gru (1 of 2)")
        time.sleep(0.2)
        early = terminal.getvalue()
        say(progress_command.DONE)
        say("report lstm (2 of 2)")
        time.sleep(0.2)
    late = terminal.getvalue()[len(early) :]
    assert "report gru (1 of 2)" in early
    assert "report lstm (2 of 2)" in late
    assert "\u2501" * 30 in early  # nothing yet
    assert "\u2501" * 15 + "\x1b" in late  # half


def test_no_progress_into_a_file(capsys):
    with progress_command.progress() as say:
        say("verify lstm")
    assert capsys.readouterr() == ("", "")


def test_columns_align_whatever_is_written_over_letters():
    assert output_command.table([("x\u0304", "1"), ("ab", "10")], "lr") == "x\u0304    1\nab  10"


# --- as a process -----------------------------------------------------------------------------------------------------


def test_process_exits_with_the_status():
    assert process("show", "ltsm").returncode == 2
    done = process("count", "rnn", "--sizes", "D=4,H=3")
    assert (done.returncode, done.stderr) == (0, b"")


def test_terminal_without_these_characters():
    """Text is escaped, JSON is UTF-8."""
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    text = process("show", "gru", environment=ascii_only)
    assert text.returncode == 0
    assert b"G\\xfcl\\xe7ehre" in text.stdout
    record = process("show", "gru", "--json", environment=ascii_only)
    assert "Gülçehre" in json.loads(record.stdout.decode("utf-8"))["source"]


@pytest.mark.parametrize(("command", "status"), [("list", 141), ("--help", 0)])
def test_broken_pipe_is_silent(command, status):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = process(command, stdout=pipe)
    assert (done.returncode, done.stderr) == (status, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_disk():
    with open("/dev/full", "wb") as full:
        done = process("list", stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode() == "bptt: cannot write the output: No space left on device\n"


def test_interrupt(capsys, monkeypatch):
    def interrupt(system, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_command, "evidence_for", interrupt)
    assert main(["verify", "rnn"]) == 130
    assert capsys.readouterr().err == "bptt: interrupted\n"


def test_latex_is_read_as_an_argument_and_from_a_file(tmp_path, capsys):
    latex = r"h_t = \tanh(W h_{t-1} + U x_t + b)"
    file = tmp_path / "elman.tex"
    file.write_text(f"\\begin{{equation}}\n{latex} \\label{{eq:h}}\n\\end{{equation}}\n")
    shown = []
    for argument in ("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)", latex, str(file)):
        assert main(["show", argument]) == 0
        shown.append(capsys.readouterr().out.split("\n", 1)[1])
    assert shown[0] == shown[1] == shown[2]


def test_ambiguous_latex_is_one_reason_with_a_caret(capsys):
    assert main(["show", r"h_t = \tanh(w h_{t-1})"]) == 2
    assert "a matrix product, or entry by entry?" in capsys.readouterr().err
