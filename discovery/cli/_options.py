"""Options that several verbs share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

__all__ = [
    "DeviceOption",
    "DisplayOption",
    "ImageOption",
    "JsonOption",
    "MaxCallsOption",
    "MaxProposalsOption",
    "MaxTimeOption",
    "MaxTokensOption",
    "MaxUsdOption",
    "OutOption",
    "RuntimeOption",
    "SandboxOption",
    "StagnationOption",
    "TargetOption",
    "WorkersOption",
    "limits",
]

JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
OutOption: TypeAlias = Annotated[Path | None, typer.Option("--out", help="Folder that holds the runs (default: runs).")]
SandboxOption: TypeAlias = Annotated[
    Literal["auto", "bubblewrap", "docker", "inner", "unsafe"] | None,
    typer.Option("--sandbox", help="Isolation backend; `unsafe` isolates nothing and marks its results."),
]
DeviceOption: TypeAlias = Annotated[
    str | None, typer.Option("--device", help="What candidates compute on: cpu (default), cuda or cuda:N.")
]
ImageOption: TypeAlias = Annotated[
    str | None, typer.Option("--image", help="For docker: image with interpreter and packages, not this machine's.")
]
RuntimeOption: TypeAlias = Annotated[
    str | None, typer.Option("--runtime", help="For docker: the engine's runtime, such as runsc (gVisor).")
]
DisplayOption: TypeAlias = Annotated[
    Literal["full", "plain", "json", "none"] | None,
    typer.Option("--display", help="Progress on stderr (default: full on a terminal, else plain)."),
]
TargetOption: TypeAlias = Annotated[
    float | None, typer.Option("--target", help="End once a program has this score; no model is ever told it.")
]
StagnationOption: TypeAlias = Annotated[
    int | None, typer.Option("--stagnation", help="End after so many outcomes in a row without a better program.")
]
WorkersOption: TypeAlias = Annotated[
    int | None, typer.Option("--workers", help="Evaluator processes (of a new run: 2).")
]
MaxProposalsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-proposals", help="Total proposals, failed and repeated ones included (of a new run: 200)."),
]
MaxTimeOption: TypeAlias = Annotated[
    str | None, typer.Option("--max-time", help="Total run time, such as 90s, 10m or 2h.")
]
MaxUsdOption: TypeAlias = Annotated[float | None, typer.Option("--max-usd", help="Total US dollars for models.")]
MaxTokensOption: TypeAlias = Annotated[int | None, typer.Option("--max-tokens", help="Total tokens of models.")]
MaxCallsOption: TypeAlias = Annotated[int | None, typer.Option("--max-calls", help="Total replies of models.")]


def limits(
    *,
    workers: int | None,
    max_proposals: int | None,
    max_time: str | None,
    max_usd: float | None,
    max_tokens: int | None,
    max_calls: int | None,
    target: float | None,
    stagnation: int | None,
) -> dict[str, Any]:
    """What a run may use, as keys of its configuration: may be given when it starts, and anew when it goes on.

    Raises:
        ConfigError: `max_time` is no time.
    """
    from discovery.config import parse_seconds

    return {
        "workers": workers,
        "max_proposals": max_proposals,
        "max_time": None if max_time is None else parse_seconds(max_time),
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "max_calls": max_calls,
        "target": target,
        "stagnation": stagnation,
    }
