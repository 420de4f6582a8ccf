"""From saved files to what has to be done about them.

hints (`notify`, or a look at everything now and then where the system's watches are used up)
→ facts (`ground`: what differs from what was there)
→ one save (`settle`: until the writer is done)
→ reactions (`decide`: whose file it is, and what it asks for) → `Change`

A hint is never trusted: a file counts as changed when its identity, size or time of modification does. `watcher` is the
edge that runs the loop; `patterns`, `ignore`, `layout`, `decide`, `settle` and `flaps` neither read a clock nor touch a
file. Nothing here starts or stops anything.
"""
