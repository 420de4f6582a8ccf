"""When somebody is told that something is wrong. Pure.

An `Observation` is what is known at one look. Each rule of `builtin`, `budget` and `custom` reads it and says how each
subject is (`Measured`); `machine` turns a history of these into alerts that are pending, firing and resolved. The
daemon looks, keeps the state and tells people.
"""
