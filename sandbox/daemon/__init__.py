"""The daemon of one project (`sandboxd`): where the supervisor's concrete parts meet.

`python -m sandbox.daemon STATE_FOLDER` is started by the shim, which starts it again should it die. On its way up it
takes over whatever an earlier one left running; on its way down, after `sandbox down`, it takes everything with it.
"""
