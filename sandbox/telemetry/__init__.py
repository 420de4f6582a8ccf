"""What happened to requests, as numbers.

Envoy counts every request of every edge. `scrape` reads the counters over the admin socket once in a while, `stats` and
`told` make columns of them (`columns`), and `signals` what was counted since the reading before. From there it goes
two ways: the last seconds are what screens show now (`control.TelemetrySnapshot`, `graph`, `exposition`), and the
`recorder` hands each second to the `store`, a file of packed `chunks`, of which `query` makes series. What services
send by themselves arrives at `otlp`.
"""
