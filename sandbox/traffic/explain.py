"""Where a request goes and why, and what happens to it on its way."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import ConsideredRule, Explanation, RequestHead
from sandbox.model import Balancing, Rule, Timeouts, TrafficPolicy
from sandbox.traffic import words
from sandbox.traffic.matching import describe
from sandbox.traffic.router import Callee, Decision, decide, rule_name


def explain(policy: TrafficPolicy, head: RequestHead, callee: Callee) -> Explanation:
    decision = decide(policy, head, callee)
    return Explanation(
        request=head,
        answered_by=answered_by(decision, callee),
        rules=tuple(_considered(policy, decision)),
        steps=tuple(_steps(policy, decision, callee)),
    )


def answered_by(decision: Decision, callee: Callee) -> str:
    """ "steamer v1 90 %, v2 10 %", "403", "302 redirect to …"."""
    if decision.denied:
        return f"403: {decision.denied}"
    if decision.rule.redirect is not None:
        return words.redirect(decision.rule.redirect)
    if decision.rule.direct_response is not None:
        return f"{decision.rule.direct_response.status}: the rule answers by itself"
    if not decision.backends:
        return f"503: no version of {callee.name} gets it"
    return f"{callee.name} {words.shares(decision.backends)}"


def _considered(policy: TrafficPolicy, decision: Decision) -> Iterator[ConsideredRule]:
    for one in decision.tried:
        rule = policy.rules[one.rule] if one.rule is not None else None
        asks = f"{_asks(rule)}: " if rule is not None and rule.matches else ""
        yield ConsideredRule(name=rule_name(rule or Rule(), one.rule), fits=one.fits, why=f"{asks}{one.why}")


def _asks(rule: Rule) -> str:
    return " | ".join(describe(match) for match in rule.matches)


def _steps(policy: TrafficPolicy, decision: Decision, callee: Callee) -> Iterator[str]:
    if decision.denied:
        yield f"it is answered with 403, because {decision.denied}"
        return
    rule = decision.rule
    yield from _limits(policy, rule)
    yield from _before(rule)
    if decision.answers_itself:
        yield f"it is answered at once: {answered_by(decision, callee)}"
        return
    yield from _choice(decision, callee)
    yield from _on_the_way(policy, rule)


def _limits(policy: TrafficPolicy, rule: Rule) -> Iterator[str]:
    if (limit := rule.rate_limit or policy.rate_limit) is not None:
        yield f"beyond {words.limit(limit)} it is answered with 429"
    if policy.concurrency is not None:
        yield f"while {policy.concurrency} requests are open it is answered with 503"


def _before(rule: Rule) -> Iterator[str]:
    if rule.cors is not None:
        yield f"browsers may call from {', '.join(rule.cors.allow_origins)}"
    if rule.fault is not None and rule.fault.delay is not None:
        delay = rule.fault.delay
        yield f"a fault holds {words.percent(delay.percentage)} of them back for {words.seconds(delay.fixed)}"
    if rule.fault is not None and rule.fault.abort is not None:
        abort = rule.fault.abort
        yield f"a fault answers {words.percent(abort.percentage)} of them with {words.abort(abort)}"


def _choice(decision: Decision, callee: Callee) -> Iterator[str]:
    rule = decision.rule
    if not decision.backends:
        yield "every weight of the rule is 0, so it is answered with 503"
        return
    yield f"it goes to {callee.name} {words.shares(decision.backends)}"
    given = {version for version, _ in decision.backends}
    named = {ref.version for ref in rule.backends if ref.weight} or set(callee.versions)
    for version in sorted(named - given):
        yield f"{version} has no ready instance, so it gets none"
    if callee.ready is not None and not given & callee.ready:
        yield "none of these has a ready instance, so it is answered with 503"


def _on_the_way(policy: TrafficPolicy, rule: Rule) -> Iterator[str]:
    if rule.mirrors:
        yield f"it is {words.mirrors(rule.mirrors)}; the answer to that is thrown away"
    if rule.rewrite is not None:
        target = filter(None, [rule.rewrite.hostname, words.path(rule.rewrite.path)])
        yield f"it is rewritten: {' '.join(target)}"
    for what, modifier in (("request", rule.request_headers), ("response", rule.response_headers)):
        if modifier is not None:
            names = [*modifier.set, *modifier.add, *(f"no {name}" for name in modifier.remove)]
            yield f"headers of the {what}: {', '.join(names)}"
    if rule.timeouts != Timeouts():
        yield f"time limit: {words.timeouts(rule.timeouts)}"
    yield words.retry(rule.retry) if rule.retry else "tried again only when it never reached an instance"
    if policy.session_persistence is not None:
        yield f"the cookie {policy.session_persistence.cookie} keeps a client with its instance"
    if policy.load_balancer is not None and policy.load_balancer.policy is not Balancing.LEAST_REQUEST:
        yield f"instances are chosen by {policy.load_balancer.policy}"
