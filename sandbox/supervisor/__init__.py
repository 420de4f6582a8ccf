"""The supervisor: one daemon per project that keeps what runs like what was asked for.

Through it flow events. `state` folds them into what is known (pure), `plan` compares that with the desired state and
names the next actions (pure), `supervisor` carries them out through a runtime driver and the proxy, and what comes
of them is the next event.
"""
