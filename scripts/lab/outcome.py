"""What came of a wave, read from the two files that wave.py leaves."""

import json
import os

import plan


def summary(directory, chosen):
    """Counts and shares, as they stand in summary.json."""
    connections = _records(directory, "connections.jsonl")
    messages = _records(directory, "legit.jsonl")
    ends, judged, told = {}, set(), set()
    closed_untold = 0
    for record in connections:
        ends[record["end"]] = ends.get(record["end"], 0) + 1
        if record["told"]:
            told.add(record["source"])
        # Judged is who was served up to his RCPT; one cut by the end of the wave still had time.
        elif record["t_rcpt"] is not None and record["end"] != "cut":
            judged.add(record["source"])
            closed_untold += 1
    judged |= told
    return {
        "schema": "breakwater-lab.wave/1",
        "connections": len(connections),
        "sources": len({record["source"] for record in connections}),
        "ends": dict(sorted(ends.items())),
        "banners": sum(record["t_banner"] is not None for record in connections),
        "rejected_sources": len(judged),
        "told_sources": len(told),
        "told_share": len(told) / len(judged) if judged else None,
        "told_connections": sum(record["told"] for record in connections),
        "untold_connections": closed_untold,
        # Ended by the server before there was anything to be told about.
        "closed_before_rcpt": sum(record["t_rcpt"] is None and record["t_banner"] is not None and not record["told"]
                                  and record["end"].startswith("server-") for record in connections),
        "legit": _delivery([record for record in messages if record["kind"] == "legit"], chosen),
        "auth_listed": _delivery([record for record in messages if record["kind"] == "auth"], chosen),
    }


def _records(directory, name):
    with open(os.path.join(directory, name)) as file:
        return [json.loads(line) for line in file]


def _delivery(messages, chosen):
    # A failed message counts with the time it took to fail. "During the wave" is where the rate is
    # at least half of its peak: the calm before would hide what the wave does.
    half = max(rate for _, rate in chosen["profile"]) / 2
    seconds = sorted(record["seconds"] for record in messages
                     if plan.rate_at(chosen["profile"], record["t_start"]) >= half)
    delivered = sum(record["ok"] for record in messages)
    failures = {}
    for record in messages:
        if not record["ok"]:
            failures[record["end"]] = failures.get(record["end"], 0) + 1
    return {"messages": len(messages), "delivered": delivered,
            "share": delivered / len(messages) if messages else None,
            "p50_s": _quantile(seconds, 0.50), "p99_s": _quantile(seconds, 0.99), "failures": failures}


def _quantile(values, share):
    return values[min(int(len(values) * share), len(values) - 1)] if values else None
