"""What people see of a run: the live display, and the pictures that the reading verbs print.

Importing this package imports no rich: a verb loads the module that it draws with.
"""

from __future__ import annotations

from discovery.view.display import Display, DisplayKind, make_display

__all__ = ["Display", "DisplayKind", "make_display"]
