"""Envoy and its control plane.

A `Topology` (who calls whom, by which rules) and `Endpoints` (the instances that take traffic) flow through here and
come out as what a real Envoy serves: `sharing` sees who meets whom at one address, `parts` turns each service, caller
and address into xDS messages, `resources` puts these together and remembers them, `snapshot` checks the whole and cuts
the way from the last state into steps, `subscription` knows what Envoy has of each kind, `ads` carries it over gRPC,
and `control_plane` takes one step after the other, back to the last good state when Envoy refuses. All but the last two
is pure.

`outbound` is the one listener that reads what all callers' HTTP proxies hand on; it knows every service by name.
`door` is the one way into the network of an Envoy that runs in a container.
"""
