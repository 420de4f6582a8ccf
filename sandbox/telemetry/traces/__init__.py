"""Traces: what services and the proxy tell of single requests, until somebody looks at one.

OTLP bodies flow in (`ingest`), become spans (`decode`; of the proxy's, `hops` says what they mean), are gathered by
trace and kept (`gather`, `store`), found again (`summary`), and put in order, with words for what the mesh did
(`assemble`, `story`). `sampler` decides how many there should be; `requests` keeps the newest heads of requests and
feeds `tap`; `export` hands everything on to a collector of the user's. `service` is all of it behind one door.
"""
