"""The direction of imports, what a script imports before it must, and that importing does nothing else."""

import ast
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIDES = ("training", "evaluation", "display", "synthesis")
PACKAGES = ("gait", *SIDES)
SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Full names of all that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python(code: str, **environment: str) -> str:
    """Standard output of a Python process of its own, run beside the packages."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_down_only(path):
    package = path.relative_to(ROOT).parts[0]
    allowed = {"gait", package} - ({"gait"} if package == "gait" else set())
    ours = tops(path) & {*PACKAGES, *(name.removesuffix(".py") for name in SCRIPTS), "tests", "benchmarks"}
    # A script is called test.py, and so is a package of Python's own, which nobody here imports.
    assert ours <= allowed | {package}


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_import_packages_and_no_other_script(script):
    others = {name.removesuffix(".py") for name in SCRIPTS} | {"tests", "benchmarks"}
    assert not tops(ROOT / script) & others


def test_the_check_itself_sees_imports_inside_functions(tmp_path):
    file = tmp_path / "m.py"
    file.write_text("def f():\n    from training.options import X\n    import synthesis.walks as w\n")
    assert imported(file) == {"training.options.X", "synthesis.walks"}


@pytest.mark.parametrize("path", sorted((ROOT / "gait" / "models").glob("*.py")), ids=relative)
def test_models_use_keras_and_nothing_below_it(path):
    assert not tops(path) & {"tensorflow", "jax", "torch", "tf_keras"}


def test_a_model_on_the_jax_backend_never_imports_tensorflow():
    if find_spec("jax") is None:
        pytest.skip("jax is not installed here (make test-jax installs it)")
    code = (
        "import sys; from gait.models import MODELS, architecture, folding;"
        "[architecture(name) for name in MODELS];"
        "print('jax' in sys.modules, 'tensorflow' in sys.modules)"
    )
    assert python(code, KERAS_BACKEND="jax").split() == ["True", "False"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_before_keras_is_imported(script):
    code = (
        "import runpy, sys; sys.argv = [sys.argv[0], '--help']\n"
        f"try: runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = ('tensorflow', 'keras', 'jax', 'cv2', 'sklearn', 'matplotlib', 'pandas')\n"
        "print('CODE', code, *[name for name in heavy if name in sys.modules])"
    )
    *text, last = python(code).splitlines()
    assert last == "CODE 0"
    assert "--model" in "\n".join(text)


def test_importing_every_module_prints_nothing_and_writes_nothing(tmp_path):
    names = [relative(p).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for p in MODULES]
    names = [name for name in names if not name.endswith("__main__")]
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()  # where libraries keep settings of their own
    work.mkdir()
    code = (
        f"import importlib, os, sys; sys.path.insert(0, os.getcwd()); os.chdir({str(work)!r})\n"
        f"for name in {names!r}: importlib.import_module(name)"
    )
    cache = work / "cache"
    assert python(code, TF_CPP_MIN_LOG_LEVEL="3", HOME=str(home), GAITMOOD_CACHE=str(cache)) == ""
    assert list(work.iterdir()) == []
