"""Prompts as files, for people and coding agents to answer: `inbox/ID.md` waits, `outbox/ID.md` is its reply.

The rule by which a reply is taken: the file has the name of a prompt that waits, it holds text, it has not changed for
`SETTLED_SECONDS`, and nobody has it open for writing. So an editor that saves, or a program that writes in one go, is
safe. Whoever writes in several goes with long pauses writes under another name and renames at the end, or uses
`discovery steer RUN answer`, which does. Other names are never looked at.

A reply that was taken is committed to the journal; then both files are removed. After a crash the prompt is put again
under the same name, and an answer that lies in the outbox is taken.
"""

from __future__ import annotations

import asyncio
import fcntl
import re
import signal
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from discovery.errors import ConfigError, NotFound
from discovery.llm._base import CallKey, Message, Reply, Request, Usage
from discovery.llm.tokens import estimate_prompt, estimate_text
from discovery.store.files import write_file

__all__ = ["SETTLED_SECONDS", "QueueChat", "Waiting", "answer", "waiting"]

SETTLED_SECONDS = 1.0
_POLL_SECONDS = 0.2
_ID = re.compile(r"(\d+)-[a-z0-9_-]+-(\d+)")
_INBOX, _OUTBOX = "inbox", "outbox"

_HEAD = """# Prompt {id}

Answer what follows as a language model would. The reply, and nothing else, goes into `outbox/{id}.md`; it is taken once
it has not changed for a second. Or: `discovery steer {run} answer {id} --file FILE`.
"""


class QueueChat:
    """A model whose replies are written by hand, or by another program.

    Args:
        folder: The run's folder.
    """

    free = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def complete(self, request: Request) -> Reply:
        """Put the prompt into the inbox and wait for its answer, however long that takes."""
        page = _page(self._folder, request.key, request.messages)
        inbox, outbox = (_path(self._folder, box, str(request.key)) for box in (_INBOX, _OUTBOX))
        outbox.parent.mkdir(parents=True, exist_ok=True)
        if not inbox.exists() or inbox.read_bytes() != page:
            write_file(inbox, page)
        text = await _settled(outbox)
        usage = Usage(estimate_prompt(request.messages), estimate_text(text), estimated=True)
        return Reply(text, usage, "queue", "stop")

    def committed(self, key: CallKey) -> None:
        """Remove prompt and answer: the journal has both."""
        for box in (_INBOX, _OUTBOX):
            _path(self._folder, box, str(key)).unlink(missing_ok=True)

    async def close(self) -> None:
        """What waits goes on waiting: a resumed run puts it again."""


@dataclass(frozen=True)
class Waiting:
    """A prompt that waits for a reply.

    Attributes:
        id: Its name.
        page: What its file says: how to answer, and the prompt.
        answered: Whether an answer lies in the outbox, which the run has not taken yet.
    """

    id: str
    page: str
    answered: bool


def waiting(folder: Path) -> list[Waiting]:
    """The prompts that wait in the run's `folder`, by number of the proposal."""
    found = []
    for path in (folder / _INBOX).glob("*.md"):
        match = _ID.fullmatch(path.stem)
        if match:
            try:
                page = path.read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:  # answered just now
                continue
            answered = _path(folder, _OUTBOX, path.stem).exists()
            found.append((int(match[1]), path.stem, Waiting(path.stem, page, answered)))
    return [item for _, _, item in sorted(found, key=lambda entry: entry[:2])]


def answer(folder: Path, name: str, text: str) -> None:
    """Reply to the prompt `name`; the run takes it at once, or when it is resumed.

    Raises:
        NotFound: no such prompt waits.
        ConfigError: the text is empty, or the prompt is answered already.
    """
    prompts = {item.id: item for item in waiting(folder)}
    if name not in prompts:
        names = ", ".join(list(prompts)[:5]) or "nothing"
        raise NotFound(f"no prompt {name!r} waits in {folder / _INBOX}", hint=f"what waits: {names}")
    if not text.strip():
        raise ConfigError("the answer is empty")
    if prompts[name].answered:
        raise ConfigError(
            f"prompt {name} has an answer already, which the run has not taken yet",
            hint=f"to replace it, remove {_path(folder, _OUTBOX, name)} first",
        )
    write_file(_path(folder, _OUTBOX, name), text.encode("utf-8", "surrogatepass"))


def _path(folder: Path, box: str, name: str) -> Path:
    return folder / box / f"{name}.md"


def _page(folder: Path, key: CallKey, messages: Sequence[Message]) -> bytes:
    parts = [_HEAD.format(id=key, run=folder)]
    parts += [f"\n---\n\n## {message.role}\n\n{message.content}\n" for message in messages]
    return "".join(parts).encode("utf-8", "replace")


async def _settled(path: Path) -> str:
    """The text of `path` once it is there and whole."""
    last, since = None, 0.0
    clock = asyncio.get_running_loop().time
    while True:
        state = _state(path)
        if state != last:
            last, since = state, clock()
        elif state is not None and clock() - since >= SETTLED_SECONDS:
            text = _read_closed(path)
            if text.strip():
                return text
        await asyncio.sleep(_POLL_SECONDS)


def _state(path: Path) -> tuple[int, ...] | None:
    """What tells one content of a file from another; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) and found.st_size else None


def _read_closed(path: Path) -> str:
    """The text of `path`, or "" while anybody has it open for writing."""
    try:
        with path.open("rb") as file:
            if not _unwritten(file.fileno()):
                return ""
            return file.read().decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _unwritten(descriptor: int) -> bool:
    """Whether no process writes to the file. The kernel grants a lease on reading only then, and holds up whoever opens
    it to write until the descriptor is closed. Where there are no leases, that the file settled has to do."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return True
    try:
        # The signal for a lease that somebody waits for; by default it would be one that kills.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
