"""Runtimes: what turns a version of a service into running instances.

Through this package flow `Workload` (what to prepare) → `Artifact` (ready to run) → `InstanceSpec` (with addresses
and environment) → `Running`, and `Exit`s come back. `base` is the contract, `process` and `fake` keep it, and one
contract test suite (`tests/contracts`) runs against all of them.
"""
