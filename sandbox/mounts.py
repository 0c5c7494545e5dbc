"""What of the host a sandbox sees: the system's libraries, the interpreter, the environment's packages. Read-only.

Everything appears at its own path, because virtual environments and shared libraries refer to each other by path. Of a
prefix only the folders that an installation uses are shown, so that one which is also a home or a project shows nothing
else of it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Bind", "Hide", "Link", "View", "host_view", "interpreter", "narrow_view", "split"]

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
_PREFIX_PARTS = ("bin", "lib", "lib64", "share", "pyvenv.cfg")


class Bind(NamedTuple):
    """`source` of the host, read-only at `target`."""

    target: str
    source: str


class Hide(NamedTuple):
    """An empty folder over `target`."""

    target: str


class Link(NamedTuple):
    """A symbolic link at `target`."""

    target: str
    points_to: str


class View(NamedTuple):
    """Mounts in the order in which they must be made: parents before what lies in them."""

    entries: tuple[Bind | Hide | Link, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Host paths of the binds, in order."""
        return tuple(entry.source for entry in self.entries if isinstance(entry, Bind))


def interpreter() -> str:
    """This interpreter by a path that is valid anywhere and in any view of ours: absolute, its folder without links and
    without `..`, which would have to exist as well. Its own name stays as it is: an environment is known by it."""
    known = sys.executable if os.path.isfile(sys.executable or "") else os.path.realpath("/proc/self/exe")
    folder, name = os.path.split(known)
    return os.path.join(os.path.realpath(folder), name)


def host_view(hidden: Iterable[Path]) -> View:
    """The view for this interpreter, with an empty folder wherever one of `hidden` (or the home) would show."""
    binds = {"/usr": "/usr"}
    links: dict[str, str] = {}
    for folder in _SYSTEM_FOLDERS:
        if os.path.islink(folder):
            links[folder] = os.readlink(folder)
        elif os.path.isdir(folder):
            binds[folder] = folder
    return _view(binds, links, _SYSTEM_FILES, hidden)


def split(view: View) -> tuple[list[str], list[str]]:
    """Paths of which all beneath is shown by `view`, and folders of which only some is: for what cannot put one folder
    over another."""
    hidden = {Path(os.path.realpath(entry.target)) for entry in view.entries if isinstance(entry, Hide)}
    whole, partly, todo = [], [], list(view.sources)
    while todo:
        path = todo.pop()
        real = Path(os.path.realpath(path))
        if real in hidden:
            continue
        if any(folder.is_relative_to(real) for folder in hidden):
            partly.append(path)
            todo += [os.path.join(path, name) for name in os.listdir(path)]
        else:
            whole.append(path)
    return whole, partly


def narrow_view(hidden: Iterable[Path]) -> View:
    """Likewise, but of the system only the shared libraries, and the interpreter's own folders where it lies in `/usr`:
    no shell, no setuid program, nothing else that is installed. Binds only; every link is a bind of what it leads to.
    """
    triplet = sysconfig.get_config_var("MULTIARCH") or ""
    wanted = [f"{folder}/{triplet}" for folder in ("/usr/lib", "/lib")] if triplet else ["/usr/lib64"]
    wanted += ["/lib64", *_interpreter_in_system()]
    binds = {path: os.path.realpath(path) for path in wanted if os.path.exists(path)}
    entries = _view(binds, {}, _SYSTEM_FILES, hidden).entries
    return View(tuple(Bind(entry.target, _led_to(entry)) if isinstance(entry, Link) else entry for entry in entries))


def _led_to(link: Link) -> str:
    return os.path.realpath(os.path.join(os.path.dirname(link.target), link.points_to))


def _interpreter_in_system() -> list[str]:
    """What an interpreter that belongs to the system consists of; nothing for any other."""
    if sys.base_prefix != "/usr":
        return []
    library = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [f"/usr/{lib}/{name}" for lib in ("lib", "lib64") for name in (library, "python3")]
    return [*folders, f"/usr/local/lib/{library}", f"/usr/bin/{library}", "/usr/bin/python3"]


def _view(binds: dict[str, str], links: dict[str, str], files: Iterable[str], hidden: Iterable[Path]) -> View:
    for path in (*files, *_prefix_paths()):
        if os.path.exists(path):
            binds[path] = os.path.realpath(path)
    covers = _covers(binds, {path.resolve() for path in (*hidden, *_home())})
    binds = {target: source for target, source in binds.items() if not _redundant(target, source, binds, covers)}
    links = links | _interpreter_links(binds)
    entries: list[Bind | Hide | Link] = [
        *(Bind(target, source) for target, source in binds.items()),
        *(Hide(target) for target in covers),
        *(Link(target, points_to) for target, points_to in links.items()),
    ]
    return View(tuple(sorted(entries, key=lambda entry: Path(entry.target).parts)))


def _home() -> tuple[Path, ...]:
    try:
        return (Path.home(),)
    except RuntimeError:  # a user without an account entry has none
        return ()


def _prefix_paths() -> list[str]:
    """Parts of the interpreter's and the environment's folders; of the system's own, see the callers."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    real = {os.path.realpath(prefix) for prefix in prefixes}
    by_links = {os.path.dirname(os.path.dirname(path)) for path in _interpreter_names()}
    prefixes |= real | {prefix for prefix in by_links if os.path.realpath(prefix) in real}
    return [os.path.join(prefix, part) for prefix in sorted(prefixes - {"/usr", "/"}) for part in _PREFIX_PARTS]


def _interpreter_names() -> list[str]:
    """The interpreter's path, and those to which its links lead, up to the file."""
    names = [interpreter()]
    while os.path.islink(names[-1]):
        folder = os.path.realpath(os.path.dirname(names[-1]))
        names.append(os.path.normpath(os.path.join(folder, os.readlink(names[-1]))))
    return names


def _covers(binds: dict[str, str], hidden: Iterable[Path]) -> set[str]:
    """Where the hidden folders would show through the binds. A folder that holds a whole bind hides nothing of it."""
    covers = set()
    for folder in hidden:
        for target, source in binds.items():
            if folder.is_dir() and folder.is_relative_to(source) and folder != Path(source):
                covers.add(os.path.join(target, os.path.relpath(folder, source)))
    return covers


def _redundant(target: str, source: str, binds: dict[str, str], covers: set[str]) -> bool:
    """Whether the nearest mount above `target` already shows `source` there."""
    for parent in map(str, Path(target).parents):
        if parent in covers:
            return False
        if parent in binds:
            return os.path.realpath(os.path.join(binds[parent], os.path.relpath(target, parent))) == source
    return False


def _interpreter_links(binds: dict[str, str]) -> dict[str, str]:
    """Links on the way to the interpreter's file that no bind shows."""
    return {
        path: os.readlink(path)
        for path in _interpreter_names()[:-1]
        if not any(Path(path).is_relative_to(target) for target in binds)
    }
