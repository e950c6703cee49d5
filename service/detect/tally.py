"""What an answer adds to the metrics."""

from service.detect.schemas import DetectResponse
from service.telemetry.metrics import Metrics, Outcome


def count_decision(metrics: Metrics, response: DetectResponse, *, stored: bool) -> None:
    """Count an answer, and what became of its behaviours if they were to be stored."""
    metrics.decided(outcome_of(response) if stored else "not_stored")
    if stored:
        metrics.took_in("accepted", response.accepted - len(response.late))
        metrics.took_in("late", len(response.late))
        metrics.took_in("duplicate", response.duplicates)
        metrics.took_in("rejected", len(response.rejected))


def outcome_of(response: DetectResponse) -> Outcome:
    """What was decided."""
    if response.accepted == 0:
        return "nothing_new"
    if response.mutated:
        return "changed"
    return "unchanged" if response.status == "ok" else response.status
