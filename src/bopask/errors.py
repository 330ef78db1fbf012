"""The errors a user can meet. Each message says the file, what is wrong and what to do.

    BopaskError            caught by the command line: one line on stderr, exit code 2
    ├── InputError         the user's files or arguments
    ├── UnsupportedError   a BOP variant that is known and refused by name
    ├── OutputError        the output folder cannot be written, or holds something else
    ├── MissingExtra       an optional package is not installed
    ├── MissingGL          the system has no OpenGL to draw with
    └── WorkerLost         a process or host that worked for the run is gone

An *expected* no (no path, object out of view) is not an error: see `nouns.Skip`.
"""

from __future__ import annotations

from pathlib import Path


class BopaskError(Exception):
    """Base of every error that the command line shows as one line."""


class InputError(BopaskError):
    """Bad input: `path` is the file, `wrong` what is wrong with it, `fix` what the user can do."""

    def __init__(self, path: Path | str, wrong: str, fix: str) -> None:
        self.path, self.wrong, self.fix = str(path), wrong, fix
        super().__init__(f"{path}: {wrong}. {fix}.")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        return type(self), (self.path, self.wrong, self.fix)  # crosses process boundaries


class UnsupportedError(InputError):
    """A variant of the format that bopask knows and does not read."""


class OutputError(InputError):
    """The output folder cannot be written, or holds another run."""


class MissingExtra(BopaskError):
    """An optional dependency is missing."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed. Install it with: pip install 'bopask[{extra}]'.")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return type(self), (self.package, self.extra)


class MissingGL(BopaskError):
    """No OpenGL context can be made; `why` says what was tried."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"OpenGL: {why}. Install it (Debian, Ubuntu: apt install libegl1 libgl1, or libosmesa6), set MUJOCO_GL to"
            " egl or osmesa, or draw without it: --renderer rays."
        )

    def __reduce__(self) -> tuple[type[MissingGL], tuple[str]]:
        return type(self), (self.why,)


class WorkerLost(BopaskError):
    """`who` worked for a run and is gone, its unit unfinished; `hint` is what to look at, besides resuming."""

    def __init__(self, who: str, hint: str) -> None:
        self.who, self.hint = who, hint
        super().__init__(
            f"{who} vanished: it was killed, or ran out of memory or time. What is finished is kept: run the same"
            f" command again to resume ({hint})."
        )

    def __reduce__(self) -> tuple[type[WorkerLost], tuple[str, str]]:
        return type(self), (self.who, self.hint)
