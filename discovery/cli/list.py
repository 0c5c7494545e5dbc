"""`discovery list`: the runs."""

from __future__ import annotations

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json, say

__all__ = ["command"]


def command(out: OutOption = None, as_json: JsonOption = False) -> None:
    """List the runs, the latest first.

    discovery list

    discovery list --json --out elsewhere
    """
    from discovery.store import all_runs, runs_folder
    from discovery.view.console import show
    from discovery.view.summary import list_entry, runs_table

    entries = [list_entry(folder) for folder in reversed(all_runs(out))]
    if as_json:
        print_json("list", {"runs": entries})
    elif entries:
        show(runs_table(entries))
    else:
        say(f"no runs in {runs_folder(out)}; `discovery run TASK` starts one")
    for entry in entries:
        if entry["state"] == "unreadable":
            say(f"warning: {entry['message']}")
