"""The local pool of evaluator workers, and what to do when one is lost.

A worker that dies, hangs past its stage's backstop or answers out of protocol is replaced and its request sent again,
`RETRIES` times (a replacement that does not start counts too), and at once given up where it used up its processor
time; then the answer is `EvaluatorLost`. None of this ever becomes a score. What a task or the sandbox reports as its
own failure is not tried again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from discovery.errors import DiscoveryError, EnvironmentMissing, EvaluatorFailed, EvaluatorLost, TaskError
from discovery.evaluate import protocol
from discovery.model import JSON, Evidence, Program, Verdict
from discovery.sandbox.mounts import interpreter
from discovery.task import Stage, Verification

__all__ = ["RETRIES", "Pool"]

RETRIES = 2
#: Wall seconds in which a worker must have loaded the task and opened its slot.
START_SECONDS = 300.0
_EXIT_SECONDS = 2.0
#: Environment variables an evaluator may see. No keys: everything else stays in the controller.
_PASSED = ("DOCKER_HOST", "HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR")


class _WorkerLost(Exception):
    """The process ended or broke the protocol."""


class _Worker:
    """One worker process and its two pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, log: int) -> _Worker:
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        process = await asyncio.create_subprocess_exec(
            *(interpreter(), "-P", "-m", "discovery.evaluate.worker", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
        return cls(process)

    @property
    def spent(self) -> bool:
        """Whether the kernel ended it for its processor time, which its task bounds: it would again."""
        return self._process.returncode == -signal.SIGXCPU

    async def ask(self, request: Mapping[str, JSON], told: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        """The reply to `request`; `told` gets what the worker says of its progress before."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(protocol.pack(request))
            await self._process.stdin.drain()
            while "told" in (reply := await self._read(self._process.stdout)):
                told(reply["told"])
        except (OSError, EOFError) as error:
            raise _WorkerLost(await self._ending()) from error
        except ValueError as error:
            raise _WorkerLost(f"out of protocol: {error}") from error
        return reply

    async def _read(self, stream: asyncio.StreamReader) -> dict[str, Any]:
        size = protocol.size_of(await stream.readexactly(protocol.HEADER.size))
        message: dict[str, Any] = json.loads(await stream.readexactly(size))
        return message

    async def _ending(self) -> str:
        """How the process ended, which closed its pipes: it may be on its way out still."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_SECONDS):
                await self._process.wait()
        await self.kill()
        code = self._process.returncode or 0
        how = f"signal {-code}, {signal.strsignal(-code)}" if code < 0 else f"exit code {code}"
        return f"it ended with {how}"

    async def kill(self) -> None:
        """Kill the process, unless it ended already, and wait for its end."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


class Pool:
    """Evaluator workers for one task, on one machine. An async context manager.

    Args:
        task: Task specification, as for `load_task`.
        sandbox: Backend name or `"auto"`.
        options: Fields of `sandbox.Options`.
        workers: Number of processes.
        seed: Seed of the evaluation randomness, the same for every candidate.
        log: File that receives what evaluators print; by default nobody.

    Attributes:
        on_lost: Told in one line when a worker was lost and is replaced.
        on_told: Told in one line how far a confirmation or verification is.
        sandbox, capabilities: Backend in use and its report, known once entered.
    """

    def __init__(
        self,
        task: str,
        *,
        sandbox: str,
        options: Mapping[str, JSON] | None = None,
        workers: int,
        seed: int,
        log: Path | None = None,
    ) -> None:
        self._start = {"verb": "start", "task": task, "sandbox": sandbox, "options": dict(options or {})}
        self._seed = seed
        self._count = workers
        self.on_lost: Callable[[str], None] = lambda _: None
        self.on_told: Callable[[str], None] = lambda _: None
        self._log_path = log
        self._log = -1
        self._all: set[_Worker] = set()
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        self._backstop = 0.0
        self.sandbox: str = ""
        self.capabilities: JSON = {}

    async def __aenter__(self) -> Pool:
        path = os.devnull if self._log_path is None else self._log_path
        self._log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # All of them, also after a failure: one that is still starting would be left behind.
            started = await asyncio.gather(*(self._fresh() for _ in range(self._count)), return_exceptions=True)
            for worker in started:
                if isinstance(worker, BaseException):
                    raise worker
                self._idle.put_nowait(worker)
        except _WorkerLost as error:
            await self.close()
            raise EvaluatorFailed(f"an evaluator did not start: {error}", hint=self._where) from error
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def _where(self) -> str:
        return "" if self._log_path is None else f"{self._log_path} may say more"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill every worker, and with it its slot. Idempotent."""
        workers, self._all = self._all, set()
        await asyncio.gather(*(worker.kill() for worker in workers))
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    async def evaluate(self, program: Program, stage: Stage, replicate: int = 0, seed: int | None = None) -> Verdict:
        """The verdict of one stage, on the pool's seed or on `seed`. Raises what `_call` raises."""
        request = {"verb": "evaluate", "program": _plain(program), "stage": stage.name, "replicate": replicate}
        return Verdict.from_json(
            await self._call({**request, "seed": self._seed if seed is None else seed}, stage.backstop)
        )

    async def confirm(self, program: Program, seed: int) -> Evidence:
        """Evidence about a finalist; `seed` is fresh, never used in search."""
        request = {"verb": "confirm", "program": _plain(program), "seed": seed}
        return Evidence.from_json(await self._call(request, self._backstop))

    async def verify(self, files: Mapping[str, str], provenance: Mapping[str, JSON], seed: int) -> Verification:
        """Re-check of an exported bundle."""
        request = {"verb": "verify", "files": dict(files), "provenance": dict(provenance), "seed": seed}
        reply = await self._call(request, 2 * self._backstop)
        return Verification(reply["holds"], tuple((name, holds, detail) for name, holds, detail in reply["checks"]))

    async def _fresh(self) -> _Worker:
        """A worker that has loaded the task and opened its slot. Raises what it reports, or `_WorkerLost`."""
        worker = await _Worker.start(self._log)
        self._all.add(worker)
        try:
            hello = _unwrap(await _within(START_SECONDS, worker.ask(self._start)))
        except BaseException:
            self._all.discard(worker)
            await worker.kill()
            raise
        self.sandbox, self.capabilities = hello["sandbox"], hello["capabilities"]
        self._backstop = hello["backstop"]
        return worker

    async def _call(self, request: Mapping[str, JSON], backstop: float) -> JSON:
        """Send `request` to an idle worker and return its result.

        Raises:
            EnvironmentMissing: the sandbox failed.
            TaskError: the task reports its own failure, or returned what its contract does not allow.
            EvaluatorLost: workers were lost `RETRIES` + 1 times.
            EvaluatorFailed: the task's code raised.
        """
        for attempt in range(RETRIES + 1):
            worker = await self._idle.get()
            try:
                worker = worker or await self._fresh()
                reply = await _within(backstop, worker.ask(request, self.on_told))
            except _WorkerLost as error:
                reason = str(error)
                spent = worker is not None and worker.spent
                await self._drop(worker)
                if spent:
                    break
                self.on_lost(f"an evaluator was lost ({reason}) and is replaced, attempt {attempt + 1}")
            except BaseException:
                await self._drop(worker)
                raise
            else:
                self._idle.put_nowait(worker)
                return _unwrap(reply)
        times = f"{attempt + 1} times" if attempt else "once"
        raise EvaluatorLost(f"an evaluator was lost {times} on the same request: {reason}", hint=self._where)

    async def _drop(self, worker: _Worker | None) -> None:
        """Kill the worker, if one had started; whoever comes next starts another in its place."""
        self._idle.put_nowait(None)
        if worker is not None:
            self._all.discard(worker)
            await worker.kill()


async def _within(seconds: float, asking: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """The reply, or `_WorkerLost` when there is none in time. A cancellation always comes through (`asyncio.wait_for`
    of Python 3.11 swallows one that meets the reply)."""
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except TimeoutError as error:
        raise _WorkerLost(f"no answer within {seconds:g} s") from error


def _plain(program: Program) -> JSON:
    return {"source": program.source, "key": program.key, "skeleton": program.skeleton}


def _unwrap(reply: Mapping[str, Any]) -> JSON:
    if "ok" in reply:
        return reply["ok"]
    kinds: dict[str, type[DiscoveryError]] = {"sandbox": EnvironmentMissing, "task": TaskError}
    raise kinds.get(reply["failed"], EvaluatorFailed)(reply["message"], hint=reply["hint"])
