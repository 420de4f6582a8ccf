"""A file of policies: `traffic:` of a sandbox.yaml with what is below it, or only that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sandbox.control import Edit, EditAction
from sandbox.errors import SandboxError, UsageError

_LARGEST = 512 * 1024


def read_policies(name: str) -> tuple[Edit, ...]:
    """Each service that the file names gets the policy that stands there. "-" is standard input.

    ConfigError, with places in the file, for what does not fit the vocabulary.
    """
    from sandbox.config.traffic import documents_in

    folder = Path.cwd() if name == "-" else Path(name).absolute().parent
    documents = documents_in(_text(name), name, folder, os.environ, bare=True)
    if not documents:
        hint = "write it like `steamer: {rules: [...]}`, or below `traffic:`"
        raise UsageError("has no policies by service", place=name, hint=hint)
    return tuple(Edit(service=service, action=EditAction.REPLACE, values=found) for service, found in documents.items())


def _text(name: str) -> str:
    try:
        text = sys.stdin.read(_LARGEST + 1) if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"can't be read: {error}", place=name) from None
    if len(text) > _LARGEST:
        raise UsageError(f"is larger than {_LARGEST // 1024} KiB", place=name)
    return text
