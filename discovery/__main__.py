"""`python -m discovery`."""

from __future__ import annotations

from discovery.cli import main

main()
