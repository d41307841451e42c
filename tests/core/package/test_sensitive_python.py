"""What Python loads at its start is sensitive; Python itself shows what that is."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from farm.core.package.sensitive_places import Sensitivity
from tests.core.package.test_sensitive_files import found

PYTHON = f"{sys.base_prefix}/bin/python3"
ASKED = """import sys
for name, module in sys.modules.items():
    print(name, getattr(module, "__file__", None) or "")"""


@pytest.fixture(scope="module")
def started() -> dict[str, Path]:
    """The files that this machine's Python loads at every start, by name."""
    printed = subprocess.run([PYTHON, "-I", "-c", ASKED], capture_output=True, text=True, check=True).stdout
    pairs = [line.partition(" ")[::2] for line in printed.splitlines()]
    return {name: Path(file) for name, file in pairs if file.endswith(".py")}


def test_whatever_is_loaded_at_a_start_is_found_when_a_directory_stands_before_it(started: dict[str, Path]) -> None:
    assert {"encodings", "encodings.utf_8", "site", "os", "codecs", "abc"} <= set(started)
    library = started["os"].parent
    for file in started.values():
        if file.is_relative_to(library) and "site-packages" not in file.parts:
            module = file.parent if file.stem == "__init__" else file.with_suffix("")
            path = f"lib/python3.13/{module.relative_to(library)}/__init__.py"
            # Debian's library has one of those that sites add.
            every_start = module.name in ("sitecustomize", "usercustomize")
            assert found({path: b""}) == [(path, Sensitivity.PYTHON if every_start else Sensitivity.PYTHON_MODULE)]


@pytest.mark.parametrize("shadow", ["utf_8/__init__.py", f"__pycache__/utf_8.{sys.implementation.cache_tag}.pyc"])
def test_python_really_takes_them_before_its_own(started: dict[str, Path], tmp_path: Path, shadow: str) -> None:
    real = started["os"].parent
    library = tmp_path / "lib" / real.name
    (library / "encodings").mkdir(parents=True)
    for place, of in ((library, real), (library / "encodings", real / "encodings")):
        for entry in of.iterdir():
            if entry.name not in ("encodings", "__pycache__"):
                (place / entry.name).symlink_to(entry)
    source = tmp_path / "shadow.py"
    source.write_text(f"{(real / 'encodings/utf_8.py').read_text()}\nimport sys\nsys.taken = True\n")
    put = library / "encodings" / shadow
    put.parent.mkdir(exist_ok=True)
    if put.suffix == ".pyc":
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(put), invalidation_mode=unchecked)
    else:
        put.write_bytes(source.read_bytes())
    asked = [PYTHON, "-c", "import sys; print(sys.taken)"]
    printed = subprocess.run(
        asked, env={"PYTHONHOME": str(tmp_path)}, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "True\n"
    path = str(put.relative_to(tmp_path))
    assert found({path: b""}) == [(path, Sensitivity.PYTHON_MODULE)]
