"""Steady traffic: requests that start when they are meant to, whatever became of the ones before.

`Plan` says what is asked and how often. `run` keeps to it: a clock that names the moments, workers that ask, and a
`Tally` (pure) of how it went, with latencies from the moment each request was meant to start. What the workers can't
keep up with waits, and beyond a limit is not sent and counted: a platform that is slow is not buried.
"""
