"""Keys stay in the controller: whatever is sent, journaled, shown or raised has them struck out.

Servers repeat keys in error messages, and a hostile one could in a reply.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from discovery.errors import DiscoveryError

__all__ = ["STRUCK", "Redactor"]

STRUCK = "[key]"
_SECRET_NAME = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
#: A shorter value is a placeholder, and would strike out ordinary words.
_SHORTEST = 8

_Error = TypeVar("_Error", bound=DiscoveryError)


class Redactor:
    """Strikes out secrets: the values of environment variables that are named like one, and those given.

    Args:
        secrets: Further texts to strike out.
        environment: By default the process's.
    """

    def __init__(self, secrets: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        found = {value.strip() for name, value in environment.items() if _SECRET_NAME.search(name)}
        found |= {secret.strip() for secret in secrets}
        # The longest first: one key may begin with another.
        self._secrets = sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, STRUCK)
        return text

    def error(self, error: _Error) -> _Error:
        """The same error, its message and hint without secrets."""
        error.message = self.text(error.message)
        error.hint = self.text(error.hint)
        error.args = (error.message, *error.args[1:])
        return error
