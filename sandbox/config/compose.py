"""Keys of the Compose Specification that sandbox knows and does not support (yet), with what to do instead.

From the specification's JSON schema (`schema/compose-spec.json`); `version` is obsolete there and ignored here as well.
"""

from __future__ import annotations

from collections.abc import Mapping

_PROJECT = "configs include models networks secrets volumes"

_SERVICE = (
    "annotations attach blkio_config cap_add cap_drop cgroup cgroup_parent configs container_name cpu_count "
    "cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec "
    "device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint expose extends external_links "
    "extra_hosts gpus group_add hostname init ipc isolation label_file labels links logging mac_address mem_limit "
    "mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid "
    "pids_limit platform post_start pre_stop privileged profiles provider pull_policy pull_refresh_after read_only "
    "runtime scale secrets security_opt shm_size stdin_open stop_signal storage_opt sysctls tmpfs tty ulimits "
    "use_api_socket user userns_mode uts volumes volumes_from working_dir"
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
    "limits": frozenset({"pids"}),
    "env_file": frozenset({"format"}),
    "healthcheck": frozenset({"start_interval"}),
    "port": frozenset({"mode", "name"}),
    "watch": frozenset({"exec", "include", "initial_sync"}),
}
"""By the part of the file they belong to; the words are those of `schema`'s models."""

INSTEAD: Mapping[str, str] = {
    "entrypoint": "put the whole command into command",
    "expose": "list the port under ports; without a published port only other services reach it",
    "links": "use depends_on; every service is found as <NAME>_URL",
    "external_links": "use environment for addresses outside the project",
    "scale": "use deploy: {replicas: …}",
    "cpus": "use deploy: {resources: {limits: {cpus: …}}}",
    "mem_limit": "use deploy: {resources: {limits: {memory: …}}}",
    "networks": "take it out: services reach the ones they name in depends_on",
    "network_mode": "take it out: services reach the ones they name in depends_on",
    "container_name": "take it out: instances are called SERVICE-VERSION-NUMBER",
    "hostname": "take it out: the name of the service is its host name",
    "restart_policy": "use restart: no|on-failure|always|unless-stopped",
    "extends": "use a YAML anchor and <<, or several files with -f",
    "include": "pass several files with -f",
    "init": "take it out: it is always on",
}


def hint_for(key: str) -> str:
    return INSTEAD.get(key, f"take it out, or rename it to x-{key} to keep it in the file")
