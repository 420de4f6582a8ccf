"""Warm starts of Python services: a process that has imported their libraries already, and forks instead of starting.

A zygote is the service's own command, started ahead of time and held at the end of the interpreter's start-up, before
anything of the user's runs: `hook` is on PYTHONPATH and its `sitecustomize` imports what `record` names and waits. A
start forks it; the child lets `sitecustomize` return, and the interpreter itself goes on with the command as always.
So `__main__`, arguments, tracebacks and exit codes are not imitated, and console scripts, `-m` and `-c` need no care.

  eligible   which commands may be started like this (pure)
  seen       which modules a running service imported, from the file names the shim finds in its memory (pure)
  record     what to import for a service and what to leave out, and why: a text file in its environment
  keeper     one zygote for each command with running instances: brought up, renewed and retired in the background
  hook       what runs inside the user's interpreter: Python 3.8 or newer, nothing but what start-up has loaded anyway

What a child shares with its siblings and a cold start would have anew: the seed of string hashes (unless
PYTHONHASHSEED is set), and what libraries compute once on import, such as `logging`'s start time.

Containers: `hook` is one folder without dependencies, so it can be mounted read-only at any path and put on PYTHONPATH
of an unchanged image. What it needs beside is the end of a Unix socket as an open file (SANDBOX_ZYGOTE) and the record
(SANDBOX_ZYGOTE_RECORD); a parent in the container that is a sub-reaper, or pid 1, plays the shim's part
(`sandbox.runtime.shim.zygote`, standard library only).
"""
