"""What models were asked and what they replied: of one proposal whole, of a run as a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from discovery.model import JSON
from discovery.store import Journal, ModelCall
from discovery.view.text import about, one_line, printable

__all__ = ["calls_list", "calls_table", "conversation", "conversation_view", "usd_text"]


def usd_text(usd: float | None) -> str:
    """US dollars to a tenth of a cent; a dash where no price is known."""
    return "-" if usd is None else f"${usd:.3f}" if usd >= 0.001 or usd == 0 else f"${usd:.2g}"


def _price(spent: Mapping[str, JSON]) -> str:
    return about(usd_text(spent["usd"]), spent["estimated"] and spent["usd"])


def _call(call: ModelCall) -> dict[str, JSON]:
    error = call.details.get("error")
    return {
        "id": f"{call.proposal}-{call.step}-{call.attempt}",
        "proposal": call.proposal,
        "step": call.step,
        "attempt": call.attempt,
        "model": call.model,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "estimated": bool(call.details.get("estimated", False)),
        "usd": call.usd,
        "finish": call.details.get("finish", ""),
        "seconds": call.details.get("seconds"),
        "error": None if error is None else error["message"],
    }


def calls_list(journal: Journal) -> list[dict[str, JSON]]:
    """Every model call of a run, in the order in which they were concluded."""
    return [_call(call) for call in journal.model_calls()]


def calls_table(calls: Iterable[Mapping[str, JSON]]) -> Table:
    """The same for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("call", "model", "tokens in", "out", "usd", "seconds", "ended"):
        table.add_column(name, justify="left" if name in ("call", "model", "ended") else "right", no_wrap=True)
    for call in calls:
        seconds = "" if call["seconds"] is None else f"{call['seconds']:.1f}"
        ended = call["finish"] if call["error"] is None else f"failed: {one_line(call['error'], 80)}"
        counts = [about(str(call[name]), call["estimated"]) for name in ("input_tokens", "output_tokens")]
        table.add_row(call["id"], one_line(call["model"], 40), *counts, _price(call), seconds, ended)
    return table


def conversation(journal: Journal, index: int) -> dict[str, JSON]:
    """What was asked for proposal `index`: each call with its prompt and its raw reply, what was wrong with it, cost.

    Raises:
        NotFound: there is no such proposal.
    """
    row = journal.proposal(index)
    calls = [
        {
            **_call(call),
            "prompt": [{"role": role, "content": content} for role, content in call.prompt],
            "reply": call.text,
        }
        for call in journal.model_calls(index)
        if call.step != "reflect"
    ]
    known = [call["usd"] for call in calls if call["usd"] is not None]
    return {
        "index": index,
        "operator": row.proposal.operator,
        "key": row.key,
        "idea": row.idea,
        "notes": dict(row.notes),
        "rejection": None if row.rejection is None else row.rejection.message,
        "calls": calls,
        "input_tokens": sum(call["input_tokens"] for call in calls),
        "output_tokens": sum(call["output_tokens"] for call in calls),
        "estimated": any(call["estimated"] for call in calls),
        "usd": sum(known) if len(known) == len(calls) else None,
    }


def conversation_view(data: Mapping[str, JSON]) -> list[RenderableType]:
    """The same for a terminal; of a later call only what its prompt adds."""
    notes, calls = data["notes"], data["calls"]
    head = Table.grid(padding=(0, 2))
    head.add_column(style="bold", no_wrap=True)
    head.add_column(overflow="fold")
    head.add_row("proposal", f"{data['index']}, {printable(data['operator'])} {printable(notes.get('variant', ''))}")
    head.add_row("program", "none" if data["key"] is None else data["key"][:12])
    if not calls:
        return [head, Text(), Text("no model was asked for it")]
    head.add_row("idea", one_line(data["idea"], 200) or "-")
    head.add_row("troubles", ", ".join(notes.get("troubles", [])) or "none")
    head.add_row("mended", ", ".join(notes.get("mended", [])) or "nothing")
    if data["rejection"]:
        head.add_row("rejected", printable(data["rejection"]))
    tokens = about(f"{data['input_tokens']} tokens of prompts, {data['output_tokens']} of replies", data["estimated"])
    head.add_row("cost", f"{len(calls)} calls, {tokens}, {_price(data)}")
    parts: list[RenderableType] = [head]
    shown: set[str] = set()
    for call in calls:
        tokens = about(f"{call['input_tokens']} + {call['output_tokens']} tokens", call["estimated"])
        cost = f"{tokens}, {_price(call)}"
        parts += [Text(), Text(f"=== {call['id']}: {printable(call['model'])}, {cost}", style="bold cyan")]
        for message in call["prompt"]:
            if message["content"] not in shown:
                parts += [Text(f"--- {message['role']}", style="bold"), Text(printable(message["content"]))]
                shown.add(message["content"])
        if call["error"] is not None:
            parts += [Text("--- failed", style="bold red"), Text(printable(call["error"]))]
            continue
        parts += [Text("--- reply", style="bold green"), Text(printable(call["reply"]))]
        shown.add(call["reply"])
    return parts
