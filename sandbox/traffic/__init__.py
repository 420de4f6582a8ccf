"""Steering, decided: policies and requests go in, decisions come out.

An edit makes a policy of a policy (`edits`), the router says where a request goes (`router`) and why (`explain`),
recorded requests show what a change would move (`whatif`), and what is questionable is found (`lint`). `revisions`
keeps what was in force; `trials` and `ramps` say when it ends. Nobody here knows Envoy or YAML.
"""
