"""What an interpreter without files of ours starts with (`python -c`): modules from memory, then the warm process.

The sources of every module, by path, come as the first frame on standard input, or in the file whose descriptor is the
argument; the line to the owner is then a socket. They are imported from memory, so that no file of ours exists where a
candidate could change it for the next one. It runs before anything of ours is importable, hence the frame's format once
more (`line.INWARD`).
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import struct
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

_FOLDER = "/sandbox/code"
_HEAD = struct.Struct("<IQ")


class _Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules among `files`, by path relative to an import folder that does not exist."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        base = name.replace(".", "/")
        for relative, package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if relative in self._files:
                return self._spec(name, relative, package)
        if any(other.startswith(f"{base}/") for other in self._files):  # a package without an `__init__`
            return self._spec(name, f"{base}/__init__.py", True)
        return None

    def _spec(self, name: str, relative: str, package: bool) -> importlib.machinery.ModuleSpec:
        origin = f"{_FOLDER}/{relative}"
        spec = importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=package)
        spec.has_location = True
        return spec

    def _origin(self, name: str) -> str:
        spec = self.find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(f"no module named {name!r}", name=name)
        return spec.origin

    def get_source(self, fullname: str) -> str:
        return self._files.get(self._origin(fullname).removeprefix(f"{_FOLDER}/"), "")

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.get_source(fullname), self._origin(fullname), "exec", dont_inherit=True)
        return code

    def is_package(self, fullname: str) -> bool:
        return self._origin(fullname).endswith("/__init__.py")


def _read(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def _main() -> None:
    handed_over = len(sys.argv) > 1
    if handed_over:
        with os.fdopen(int(sys.argv[1]), "rb") as file:
            sources = file.read()
    else:
        size, _ = _HEAD.unpack(_read(_HEAD.size))
        sources = _read(size)
    sys.meta_path.insert(0, _Sources(json.loads(sources)))
    line = importlib.import_module("sandbox_runtime.line")
    zygote = importlib.import_module("sandbox_runtime.zygote")
    zygote.main(line.SocketLine() if handed_over else line.StreamLine())


if __name__ == "__main__":
    _main()
