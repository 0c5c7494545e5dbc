"""Options that several verbs share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

__all__ = [
    "DeviceOption",
    "DisplayOption",
    "ImageOption",
    "JsonOption",
    "OutOption",
    "RuntimeOption",
    "SandboxOption",
    "StagnationOption",
    "TargetOption",
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
