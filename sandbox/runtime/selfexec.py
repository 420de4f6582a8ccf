"""How we start ourselves again: the one place to change when the package ships as a single file."""

from __future__ import annotations

import sys
from pathlib import Path

import sandbox

_ROOT = str(Path(sandbox.__file__).parent.parent)

_RUN = "import sys; sys.path.count({root!r}) or sys.path.{add}; import runpy; runpy._run_module_as_main({module!r})"


def self_command(module: str, *args: str, isolated: bool = False) -> list[str]:
    """The command line that runs `module` of ours as `__main__` in the interpreter that runs us.

    `isolated` leaves out everything but the standard library and our package: no site-packages, no variables, no
    user's folder. Such a process starts faster and is smaller.
    """
    flags = ["-I", "-S"] if isolated else ["-P"]
    add = f"append({_ROOT!r})" if isolated else f"insert(0, {_ROOT!r})"
    return [sys.executable, *flags, "-c", _RUN.format(root=_ROOT, add=add, module=module), *args]
