"""Who is corrected for: every program that a run ever measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_reporting_the_best_alone_does_not_undo_that_others_were_tried(home: Path, here: Callable[..., Any]) -> None:
    assert here("run", "./toy", "--max-proposals", "30", cwd=home).returncode == 0
    four = json.loads(here("confirm", "@last", "--finalists", "4", "--json", cwd=home).stdout)
    one = json.loads(here("confirm", "@last", "--finalists", "1", "--json", cwd=home).stdout)
    assert one["finalists"] == four["finalists"] and len(one["finalists"]) == 4
    assert one["finalists"][0]["adjusted_p"] == 4 * one["finalists"][0]["evidence"]["p_value"]
