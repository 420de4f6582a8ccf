"""What happened to requests, as numbers.

Envoy counts every request of every edge. `scrape` reads the counters over the admin socket once in a while, `signals`
keeps a short past of them and turns a window of it into rates and quantiles (`histogram`), and the screens see the
result as `control.TelemetrySnapshot`. What services send by themselves arrives at `otlp`.
"""
