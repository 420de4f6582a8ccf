"""Facts in plain words: the event, if any, that a change of state deserves. Pure."""

from __future__ import annotations

from sandbox.control import Status
from sandbox.events import Event, Kind, Severity
from sandbox.supervisor import state as facts
from sandbox.supervisor.state import ClusterState, Fact, InstanceState


def narrate(before: ClusterState, after: ClusterState, fact: Fact) -> Event | None:
    """What to tell the user about a fact that led from `before` to `after`; None when nothing changed for them."""
    match fact:
        case facts.PrepareAsked(key):
            return Event(kind=Kind.BUILD_STARTED, service=key.service, message=f"preparing {key}")
        case facts.Prepared(key):
            return Event(kind=Kind.BUILD_FINISHED, service=key.service, message=f"{key} is prepared")
        case facts.PrepareFailed(key, reason, output):
            return Event(
                kind=Kind.BUILD_FAILED,
                service=key.service,
                severity=Severity.ERROR,
                message=f"{key} could not be prepared: {reason}",
                detail=output,
            )
        case facts.Adopted(instance):
            if instance.status in (Status.STOPPED, Status.FAILED):
                return None
            return _of(instance, Kind.NOTICE, f"{instance.id} was running and is taken over")
        case facts.Stopped(name):
            stopped = before.instances.get(name)
            return _of(stopped, Kind.INSTANCE_STOPPED, f"{name} stopped") if stopped else None
        case facts.VersionGone():
            return None
    return _of_instance(before, after, fact)


def _of_instance(before: ClusterState, after: ClusterState, fact: Fact) -> Event | None:
    name = _instance_of(fact)
    old, new = before.instances.get(name), after.instances.get(name)
    if new is None or old == new:
        return None
    match fact:
        case facts.StartAsked():
            return _of(new, Kind.INSTANCE_STARTING, f"{name} starts")
        case facts.Started():
            return _of(new, Kind.INSTANCE_STARTED, f"{name} runs" + (f" as pid {new.pid}" if new.pid else ""))
        case facts.StopAsked(_, reason):
            return _of(new, Kind.INSTANCE_STOPPING, f"{name} stops: {reason}")
    return _status_change(old, new)


def _status_change(old: InstanceState | None, new: InstanceState) -> Event | None:
    if old is not None and old.status is new.status and new.status is not Status.BACKOFF:
        return None
    match new.status:
        case Status.HEALTHY:
            return _of(new, Kind.INSTANCE_HEALTHY, f"{new.id} is healthy")
        case Status.UNHEALTHY:
            return _of(new, Kind.INSTANCE_UNHEALTHY, f"{new.id} is unhealthy: {new.reason}", Severity.WARNING)
        case Status.BACKOFF:
            return _of(new, Kind.INSTANCE_BACKOFF, f"{new.id} {new.reason}", Severity.WARNING)
        case Status.FAILED:
            return _of(new, Kind.INSTANCE_FAILED, f"{new.id} {new.reason}", Severity.ERROR)
        case Status.STOPPED:
            return _of(new, Kind.INSTANCE_EXITED, f"{new.id} {new.reason}")
    return None


def _of(instance: InstanceState, kind: Kind, message: str, severity: Severity = Severity.INFO) -> Event:
    return Event(kind=kind, service=instance.service, instance=instance.id, message=message, severity=severity)


def _instance_of(fact: Fact) -> str:
    match fact:
        case facts.StartAsked(wanted):
            return wanted.id
        case facts.Started(running):
            return running.id
        case facts.Exited(exit):
            return exit.id
        case facts.StartFailed(instance) | facts.Probed(instance) | facts.StopAsked(instance):
            return instance
    raise TypeError(fact)
