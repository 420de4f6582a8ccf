"""Keys of the Compose Specification that sandbox knows and does not support (yet), with what to do instead.

From the specification's JSON schema (`schema/compose-spec.json`); `version` is obsolete there and ignored here as well.
"""

from __future__ import annotations

from collections.abc import Mapping

_PROJECT = "configs include models networks secrets"

_SERVICE = (
    "annotations attach blkio_config cap_drop cgroup cgroup_parent configs container_name cpu_count cpu_percent "
    "cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpuset credential_spec device_cgroup_rules devices "
    "dns dns_opt dns_search domainname extends external_links extra_hosts gpus group_add hostname ipc isolation "
    "label_file links logging mac_address mem_reservation mem_swappiness memswap_limit models network_mode networks "
    "oom_kill_disable oom_score_adj pid platform post_start pre_stop profiles provider pull_refresh_after secrets "
    "security_opt shm_size stdin_open storage_opt sysctls tty ulimits userns_mode uts volumes_from"
)

_BUILD = (
    "additional_contexts cache_from cache_to dockerfile_inline entitlements extra_hosts isolation labels network "
    "no_cache platforms privileged provenance pull sbom secrets shm_size ssh tags ulimits"
)

UNSUPPORTED: Mapping[str, frozenset[str]] = {
    "project": frozenset(_PROJECT.split()),
    "service": frozenset(_SERVICE.split()),
    "build": frozenset(_BUILD.split()),
    "dependency": frozenset({"required", "restart"}),
    "deploy": frozenset(
        {"endpoint_mode", "labels", "mode", "placement", "restart_policy", "rollback_config", "update_config"}
    ),
    "resources": frozenset({"reservations"}),
    "env_file": frozenset({"format"}),
    "healthcheck": frozenset({"start_interval"}),
    "port": frozenset({"mode", "name"}),
    "watch_exec": frozenset({"environment", "privileged", "user", "working_dir"}),
    "mount": frozenset({"image"}),
    "bind": frozenset({"propagation", "recursive"}),
    "volume_options": frozenset({"labels", "subpath"}),
    "volume": frozenset({"driver", "driver_opts", "labels"}),
}
"""By the part of the file they belong to; the words are those of `schema`'s models."""

INSTEAD: Mapping[str, str] = {
    "cgroup": "take it out: every container has its own",
    "cap_drop": "take it out: all capabilities are dropped; give back what it needs with cap_add",
    "container_name": "take it out: instances are called SERVICE-VERSION-NUMBER",
    "devices": "take it out; a service that needs a device can run as a process: runtime: process",
    "driver": "take it out: volumes are the engine's own",
    "extends": "use a YAML anchor and <<, or several files with -f",
    "external_links": "use environment for addresses outside the project",
    "extra_hosts": "use environment for addresses outside the project",
    "hostname": "take it out: the name of the service is its host name",
    "include": "pass several files with -f",
    "ipc": "take it out: every container has its own",
    "links": "use depends_on; every service is found as <NAME>_URL",
    "logging": "take it out: sandbox logs SERVICE shows the output; logs: {max_size: …} says how much is kept",
    "network_mode": "take it out: services reach the ones they name in depends_on",
    "networks": "take it out: services reach the ones they name in depends_on",
    "pid": "take it out: every container has its own",
    "profiles": "leave services out by putting them into a file of their own, passed with -f",
    "restart_policy": "use restart: no|on-failure|always|unless-stopped",
    "security_opt": "take it out, or use hardened: false for the engine's own defaults",
    "userns_mode": "take it out: the engine decides",
    "uts": "take it out: every container has its own",
    "volumes_from": "name the same volume under volumes of both services",
}

REFUSED: Mapping[tuple[str, str], str] = {
    ("cgroup", "host"): "the service could change the limits of everything on this machine",
    ("ipc", "host"): "the service could read the memory that programs of this machine share",
    ("network_mode", "host"): "the service would pass the proxy by, and could pretend to be any other one",
    ("pid", "host"): "the service could look into every process of this machine and end it",
    ("userns_mode", "host"): "the service could be root on this machine",
    ("uts", "host"): "the service could rename this machine",
}
"""Why a key is not there with this value, and will not be."""


def objection(key: str, value: object) -> str:
    """What is said about a key of UNSUPPORTED."""
    reason = REFUSED.get((key, value)) if isinstance(value, str) else None
    if reason:
        return f"{key}: {value} is refused: {reason}"
    return f"{key} is a Compose key that sandbox does not support yet"


def hint_for(key: str) -> str:
    return INSTEAD.get(key, f"take it out, or rename it to x-{key} to keep it in the file")
