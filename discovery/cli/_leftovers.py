"""What a dead run can leave behind, and its removal.

The default sandbox leaves nothing that runs or takes room: its processes die with their owner, its files live in mounts
that vanish, and a journal's lease is a lock that the kernel drops. When an owner was killed, `bubblewrap` can leave an
empty control group, `inner` an empty folder, and `docker`, where the engine died too, a container: the next run in such
a sandbox removes them. `unsafe` can leave a folder in the temporary directory and processes that use it; as those have
to be looked for among all that run, only this does it.
"""

from __future__ import annotations

__all__ = ["remove_leftovers"]


def remove_leftovers() -> list[str]:
    """Remove what belongs to dead owners; one line each. What a living owner uses is left alone, and also whatever may
    be of another machine or container."""
    from discovery.sandbox import SandboxError, alone, cgroup, engine, unsafe

    try:
        containers = engine.remove_leftovers()
    except SandboxError:
        containers = []  # no engine, so no containers; the report says so
    return [*containers, *alone.remove_leftovers(), *cgroup.remove_leftovers(), *unsafe.remove_leftovers()]
