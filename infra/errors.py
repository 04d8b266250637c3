"""The one exception the command line turns into a readable message."""

from __future__ import annotations


class FinhouseError(Exception):
    """Something a person has to know about: what happened, why, and the way out.

    `exit_code`: 1 a check failed, 2 wrong usage, 3 environment, 4 a component crashed.
    """

    def __init__(
        self, message: str, *, why: str | None = None, fix: str | None = None, exit_code: int = 3
    ) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.fix = fix
        self.exit_code = exit_code
