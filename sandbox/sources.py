"""Which source files go into a sandbox, found without importing any of them."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

from ._base import Harness, SandboxError

__all__ = ["RUNTIME_PACKAGE", "harness_files", "project_folders", "runtime_files"]

#: Name under which the sandbox's own inner modules are imported inside.
RUNTIME_PACKAGE = "sandbox_runtime"

_RUNTIME_MODULES = ("_base", "candidate", "inner", "limits", "line", "protocol", "watch", "zygote")


def runtime_files() -> dict[str, bytes]:
    """The modules of this package that run inside, by path relative to a folder on the import path."""
    here = Path(__file__).parent
    files = {f"{RUNTIME_PACKAGE}/{name}.py": (here / f"{name}.py").read_bytes() for name in _RUNTIME_MODULES}
    return {f"{RUNTIME_PACKAGE}/__init__.py": b"", **files}


def harness_files(harness: Harness) -> dict[str, bytes]:
    """Sources of the harness's entry and modules, and of their parent packages' `__init__`, likewise by path.

    Works for editable and for normal installations, and follows symbolic links.

    Raises:
        SandboxError: a module cannot be found, or is not Python source.
    """
    files: dict[str, bytes] = {}
    for name in (harness.entry, *harness.modules):
        chain = _specs(name)
        for spec in chain[:-1]:
            files.update(_own_file(spec))
        files.update(_tree(chain[-1]) if name in harness.modules else _own_file(chain[-1]))
    return files


def project_folders(harness: Harness) -> set[Path]:
    """Real folders that are never visible as such: those named, those of the packages involved, and of the source trees
    they are developed in."""
    names = {__name__, harness.entry, *harness.modules}
    folders = {Path(folder).resolve() for folder in harness.hidden}
    for top in {name.partition(".")[0] for name in names}:
        for location in _specs(top)[0].submodule_search_locations or ():
            package = Path(location).resolve()
            folders.add(package)
            if (package.parent / "pyproject.toml").is_file():
                folders.add(package.parent)
    return folders


def _specs(name: str) -> list[ModuleSpec]:
    """Specs of `name` and its parents, outermost first."""
    parts = name.split(".")
    chain: list[ModuleSpec] = []
    for count in range(1, len(parts) + 1):
        full = ".".join(parts[:count])
        path = chain[-1].submodule_search_locations if chain else None
        spec = importlib.util.find_spec(full) if count == 1 else _find(full, path)
        if spec is None:
            raise SandboxError(f"the harness names {name!r}, but there is no module {full!r}", hint="check Harness")
        chain.append(spec)
    return chain


def _find(name: str, path: list[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = None if find is None or path is None else find(name, path)
        if isinstance(spec, ModuleSpec):
            return spec
    return None


def _relative(spec: ModuleSpec) -> str:
    return spec.name.replace(".", "/")


def _own_file(spec: ModuleSpec) -> dict[str, bytes]:
    """The file of one module, or of a package's `__init__` (none for a namespace package)."""
    package = spec.submodule_search_locations is not None
    if spec.origin is None and package:
        return {}
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise SandboxError(
            f"harness module {spec.name!r} must be Python source; got {spec.origin}", hint="check Harness"
        )
    return {f"{_relative(spec)}/__init__.py" if package else f"{_relative(spec)}.py": Path(spec.origin).read_bytes()}


def _tree(spec: ModuleSpec) -> dict[str, bytes]:
    """All `.py` files of a package, or the one of a module."""
    files = _own_file(spec)
    for location in spec.submodule_search_locations or ():
        for folder, subfolders, names in os.walk(location, followlinks=True):
            subfolders[:] = [name for name in subfolders if name != "__pycache__" and not name.startswith(".")]
            relative = os.path.relpath(folder, location)
            for name in names:
                if name.endswith(".py"):
                    target = os.path.normpath(os.path.join(_relative(spec), relative, name))
                    files[target] = Path(folder, name).read_bytes()
    return files
