"""The container engine, reached through the docker SDK: errors in our terms, what it can do, containers of ours."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._base import SandboxError
from .exchange import one_line
from .owner import is_dead

if TYPE_CHECKING:
    from docker import APIClient

__all__ = [
    "EMPTY_IMAGE",
    "LABEL",
    "connect",
    "describe",
    "engine_errors",
    "make_empty_image",
    "remove_leftovers",
]

#: Image with nothing in it: in host mode every file comes from binds.
EMPTY_IMAGE = "discovery-sandbox-empty:1"
#: Label of every container; its value is the owner's name, see `owner`.
LABEL = "discovery.sandbox.owner"

_REPLY_SECONDS = 60
_START_ENGINE = "start it (systemctl start docker), or name another with DOCKER_HOST; or choose --sandbox bubblewrap"


def connect() -> APIClient:
    """A client of the engine that the environment names (`DOCKER_HOST`, else the default socket).

    Raises:
        SandboxError: no SDK, or no engine answers; the hint says what to do.
    """
    try:
        import docker
    except ImportError as error:
        raise SandboxError("the docker SDK is not installed", hint='pip install "discovery-agent[docker]"') from error
    where = os.environ.get("DOCKER_HOST") or "the default socket"
    try:
        client = docker.APIClient(**docker.utils.kwargs_from_env(), version="auto", timeout=_REPLY_SECONDS)
        client.ping()
    except (docker.errors.DockerException, OSError, ValueError) as error:
        denied = "Permission denied" in str(error)
        hint = "join the group docker (usermod -aG docker USER, then log in again)" if denied else _START_ENGINE
        raise SandboxError(f"no container engine answers at {where}: {_reason(error)}", hint=hint) from error
    return client


@contextlib.contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Around requests to the engine: whatever they raise becomes a SandboxError that says what failed and a remedy."""
    import docker
    import requests

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise SandboxError(
            f"{doing}: the engine has no such image: {_reason(error)}",
            hint="build it (see sandbox/Dockerfile), or leave the image out to use this machine's files",
        ) from error
    except docker.errors.APIError as error:
        raise SandboxError(f"{doing}: the engine refused: {_reason(error)}", hint=_remedy(str(error))) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise SandboxError(f"{doing}: the engine does not answer: {_reason(error)}", hint=_START_ENGINE) from error


def _reason(error: BaseException) -> str:
    explanation = getattr(error, "explanation", None)
    return one_line(str(explanation or error))[:300]


def _remedy(text: str) -> str:
    if "no space left" in text:
        return "free space on the engine's disk: docker system df"
    if "runtime" in text and ("unknown" in text.lower() or "not found" in text.lower()):
        return "register that runtime with the engine (/etc/docker/daemon.json), or leave it out"
    if "device" in text:
        return "install the NVIDIA Container Toolkit 1.17.8 or later, or choose --device cpu"
    return "`discovery doctor` tells what is missing"


def describe() -> dict[str, Any]:
    """The engine by its own account: version, runtimes, cgroup version. Raises SandboxError where none answers."""
    with contextlib.closing(connect()) as client, engine_errors("the engine's report"):
        info = client.info()
    return {
        "version": str(info.get("ServerVersion")),
        "runtimes": sorted(info.get("Runtimes", {})),
        "cgroup": str(info.get("CgroupVersion", "1")),
        "root": str(info.get("DockerRootDir")),
    }


def remove_leftovers() -> list[str]:
    """Remove the containers of ours whose owner is dead; one line for each. Raises SandboxError."""
    import docker
    import requests

    with contextlib.closing(connect()) as client:
        with engine_errors("listing containers"):
            found = client.containers(all=True, filters={"label": LABEL})
        dead = [container["Id"] for container in found if is_dead(container["Labels"][LABEL])]
        removed = []
        for container in dead:
            with contextlib.suppress(docker.errors.APIError, requests.RequestException, OSError):
                client.remove_container(container, force=True)  # unless somebody else does
                removed.append(f"container {container[:12]}")
    return removed


def make_empty_image(client: APIClient) -> None:
    """See that the engine has `EMPTY_IMAGE`."""
    import docker

    with engine_errors("the empty image"):
        try:
            client.inspect_image(EMPTY_IMAGE)
        except docker.errors.ImageNotFound:
            archive = io.BytesIO()
            tarfile.open(fileobj=archive, mode="w").close()
            name, _, tag = EMPTY_IMAGE.partition(":")
            client.import_image_from_data(archive.getvalue(), repository=name, tag=tag)
