"""The architecture: imports run one way, modules stay small, and the README's map is a reading order.

Every check reads the source with `ast` and returns complaints.  The real tree must have none, and each check
is shown small trees with a planted fault that it must reject.  ``python tests/test_architecture.py`` prints a
map for the README, in an order that respects the imports.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("derive", "numeric", "reports")  # each imports itself and those before it
LONGEST = 300  # lines

LAZY_TARGETS = {
    "torch": "an extra, and seconds to import",
    "jax": "not a dependency; one of the exchange formats",
    "matplotlib": "the extra `report`",
    "onnx": "not a dependency; what `bptt bench` measures where it is installed",
    "onnxruntime": "the same",
    "threadpoolctl": "the extra `bench`",
    "resource": "not on every system",
    "rich": "only a terminal needs it",
    "pydoc_data": "half a megabyte of text, without which some distributions install Python",
}
LAZY_MODULES = {
    "derive": "reading LaTeX and tracing functions are imported when they are asked for",
    "derive.system": "functions of later modules are offered as its methods",
    "reports": "resolves its public names on first use: `bptt --help` imports this package",
    "numeric": "what checks a gradient is a third of its modules, and imported when it is asked for",
    "numeric.check": "the package is what `numeric.check(…)` calls, and its modules import it",
    "reports.pytest_plugin": "pytest imports it in every project where the package is installed",
    "reports.dispatch": "`bptt --help` answers in 0.2 s, so every command imports what it needs",
}


@dataclass(frozen=True)
class Import:
    """One imported module; `nested` unless the statement stands at the top level of the importing module."""

    target: str
    line: int
    nested: bool


@dataclass(frozen=True)
class Module:
    """A source file under one of the packages."""

    name: str
    path: str
    text: str

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def imports(self, known: dict[str, "Module"]) -> Iterator[Import]:
        """What it imports: a submodule where the name is one, else the module the name is taken from."""
        top: set[ast.AST] = set()
        for node in self.tree.body:
            typing_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            top.update(node.body if typing_only and self.name not in LAZY_MODULES else [node])
        for node in ast.walk(self.tree):
            for target in imported(node, self):
                stem = target if target in known else target.rpartition(".")[0]
                yield Import(stem if stem in known else target, getattr(node, "lineno", 0), node not in top)


def imported(node: ast.AST, module: Module) -> list[str]:
    """The dotted names that a statement, or a call of `import_module`, imports."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            base = node.module or ""
            if node.level:
                parts = module.name.split(".") + (["__init__"] if module.path.endswith("__init__.py") else [])
                base = ".".join([*parts[: -node.level], *filter(None, [node.module])])
            return [f"{base}.{alias.name}" for alias in node.names]
        case ast.Call(func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module")):
            return [a.value if isinstance(a, ast.Constant) else "a computed name" for a in node.args[:1]]
    return []


@cache
def modules(root: Path) -> dict[str, Module]:
    """All modules of the packages under `root`, by dotted name; a package goes by its own name."""
    found = {}
    for path in sorted(file for package in PACKAGES for file in (root / package).rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, relative.as_posix(), path.read_text(encoding="utf-8"))
    return found


def import_graph(tree: dict[str, Module]) -> dict[str, list[str]]:
    """For each module those of the tree that are imported with it; lazy imports are not."""
    return {
        name: sorted({i.target for i in module.imports(tree) if i.target in tree and not i.nested})
        for name, module in tree.items()
    }


def wrong_way(tree: dict[str, Module]) -> list[str]:
    """Imports of a later package: derive ← numeric ← reports."""
    return [
        f"{module.path}:{i.line}: {module.package} must not import {i.target}"
        for module in tree.values()
        for i in module.imports(tree)
        if i.target.partition(".")[0] in PACKAGES[PACKAGES.index(module.package) + 1 :]
    ]


def cycles(tree: dict[str, Module]) -> list[str]:
    """One cycle of imports, if there is any; what is imported for typing alone counts."""
    try:
        TopologicalSorter(import_graph(tree)).prepare()
    except CycleError as error:
        return ["cycle of imports: " + " → ".join(reversed(error.args[1]))]
    return []


def lazy_imports(tree: dict[str, Module]) -> list[str]:
    """Imports inside functions, classes or conditions, other than those listed with a reason."""
    return [
        f"{module.path}:{i.line}: {i.target} is not imported at the top of the module"
        for module in tree.values()
        if module.name not in LAZY_MODULES
        for i in module.imports(tree)
        if i.nested and i.target.partition(".")[0] not in LAZY_TARGETS
    ]


def long_modules(tree: dict[str, Module]) -> list[str]:
    """Modules to split by noun."""
    lengths = {module.path: len(module.text.splitlines()) for module in tree.values()}
    return [f"{path}: {lines} lines, at most {LONGEST}" for path, lines in lengths.items() if lines > LONGEST]


def undocumented(tree: dict[str, Module]) -> list[str]:
    """Modules without a docstring."""
    return [f"{module.path}: no docstring" for module in tree.values() if not ast.get_docstring(module.tree)]


def broad_excepts(tree: dict[str, Module]) -> list[str]:
    """Handlers that would swallow a bug: bare, `Exception`, `BaseException`, also through `suppress`."""

    def caught(node: ast.AST) -> list[ast.expr]:
        match node:
            case ast.ExceptHandler(type=None):
                return [ast.Name("BaseException")]
            case ast.ExceptHandler(type=ast.Tuple(elts=kinds)):
                return kinds
            case ast.ExceptHandler(type=kind):
                return [kind]
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=kinds):
                return kinds
        return []

    return [
        f"{module.path}:{node.lineno}: catches everything"
        for module in tree.values()
        for node in ast.walk(module.tree)
        if any(isinstance(k, ast.Name) and k.id in ("Exception", "BaseException") for k in caught(node))
    ]


def misplaced(tree: dict[str, Module], readme: str) -> list[str]:
    """Where the README's numbered map is not each module once, after the modules it imports."""
    rows = re.findall(r"^\| *(\d+) *\| *\[`([\w.]+)`\]\(([^)]*)\)", readme, re.MULTILINE)
    names = [name for _, name, _ in rows]
    complaints = [f"{name}: {names.count(name)} rows" for name in tree if names.count(name) != 1]
    graph = import_graph(tree)
    for place, (number, name, path) in enumerate(rows, 1):
        if int(number) != place:
            complaints.append(f"row {number}: should be {place}")
        if name not in tree:
            complaints.append(f"{name}: not a module")
        elif path != tree[name].path:
            complaints.append(f"{name}: links to {path}")
        later = set(names[place:]).intersection(graph.get(name, ()))
        complaints += [f"{name}: before {target}, which it imports" for target in sorted(later)]
    return complaints


def map_rows(tree: dict[str, Module]) -> list[str]:
    """Rows of such a map: package by package, imported before importing, each docstring's first line."""
    order = list(TopologicalSorter(import_graph(tree)).static_order())
    order.sort(key=lambda name: PACKAGES.index(tree[name].package))
    summary = {n: (ast.get_docstring(m.tree) or "").partition("\n")[0].rstrip(".") for n, m in tree.items()}
    return [f"| {n} | [`{name}`]({tree[name].path}) | {summary[name]} |" for n, name in enumerate(order, 1)]


CHECKS = (wrong_way, cycles, lazy_imports, long_modules, undocumented, broad_excepts)


@pytest.mark.parametrize("check", CHECKS)
def test_tree(check):
    assert check(modules(ROOT)) == []


def test_readme_map():
    complaints = misplaced(modules(ROOT), (ROOT / "README.md").read_text(encoding="utf-8"))
    assert complaints == [], "`python tests/test_architecture.py` prints a map that holds"


# The checks, checked

SOUND = {
    "derive/__init__.py": '"""D."""\nfrom derive.a import f\n',
    "derive/a.py": '"""A."""\ntry:\n    f = 1 / 1\nexcept ZeroDivisionError:\n    f = 0\n',
    "numeric/b.py": '"""B."""\nimport sympy\n\nfrom derive import a\n\n\ndef g():\n    import torch\n',
    "reports/dispatch.py": '"""C."""\n\n\ndef main():\n    from numeric.b import g\n',
}

DOC = '"""A."""\n'
PLANTED = [  # a check, a faulty derive/a.py, and what is to be said of it
    (wrong_way, DOC + "import numeric.b\n", "derive must not import numeric.b"),
    (wrong_way, DOC + "def f():\n    import reports\n", "must not import reports"),
    (wrong_way, DOC + "from ..reports import cli\n", "must not import reports.cli"),
    (cycles, DOC + "import derive\n", "derive → derive.a → derive"),
    (cycles, DOC + "from . import f\n", "derive → derive.a → derive"),
    (cycles, DOC + "if TYPE_CHECKING:\n    import derive\n", "derive → derive.a → derive"),
    (lazy_imports, DOC + "def f():\n    import sympy\n", "a.py:3: sympy is not"),
    (lazy_imports, DOC + "try:\n    import numba\nexcept ImportError:\n    f = 0\n", "numba"),
    (lazy_imports, DOC + "def f(name):\n    return import_module(name)\n", "a computed name"),
    (long_modules, DOC + "\n" * LONGEST, "301 lines"),
    (undocumented, "f = 1\n", "derive/a.py: no docstring"),
    (broad_excepts, DOC + "try:\n    f = 1\nexcept:\n    f = 0\n", "a.py:4"),
    (broad_excepts, DOC + "try:\n    f = 1\nexcept (KeyError, Exception):\n    f = 0\n", "a.py:4"),
    (broad_excepts, DOC + "with contextlib.suppress(Exception):\n    f = 1\n", "a.py:2"),
]


def plant(root: Path, files: dict[str, str]) -> dict[str, Module]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return modules(root)


@pytest.mark.parametrize("check", CHECKS)
def test_sound_tree_passes(check, tmp_path):
    assert check(plant(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("check", "text", "complaint"), PLANTED)
def test_planted_fault_is_found(check, text, complaint, tmp_path):
    (found,) = check(plant(tmp_path, SOUND | {"derive/a.py": text}))
    assert complaint in found


def swap(rows: list[str]) -> list[str]:
    """The first two modules change places; the numbers stay."""
    return [rows[0][:4] + rows[1][4:], rows[1][:4] + rows[0][4:], *rows[2:]]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda rows: rows[:-1], "reports.dispatch: 0 rows"),
        (lambda rows: [*rows, rows[0].replace("| 1 |", "| 5 |")], "derive.a: 2 rows"),
        (lambda rows: [*rows, "| 5 | [`derive.gone`](derive/gone.py) | – |"], "derive.gone: not a module"),
        (lambda rows: [row.replace("| 2 |", "| 3 |") for row in rows], "row 3: should be 2"),
        (lambda rows: [rows[0].replace("a.py", "b.py"), *rows[1:]], "derive.a: links to derive/b.py"),
        (swap, "derive: before derive.a, which it imports"),
    ],
)
def test_spoilt_map_is_found(spoil, complaint, tmp_path):
    tree = plant(tmp_path, SOUND)
    assert misplaced(tree, "\n".join(map_rows(tree))) == []
    assert complaint in misplaced(tree, "\n".join(spoil(map_rows(tree))))


if __name__ == "__main__":
    print("\n".join(map_rows(modules(ROOT))))
