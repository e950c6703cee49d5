"""`/livez`, `/readyz`, `/metrics` and `/model`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder

from service.problems import DatabaseUnavailable, NotReady, responses
from service.resources import ResourcesDependency
from service.system.schemas import Liveness, LoadedModel, Readiness
from service.system.service import ReadinessProbe, describe_model
from service.telemetry.metrics import Metrics

router = APIRouter(tags=["system"])


async def get_probe(request: Request) -> ReadinessProbe:
    """The app's one probe, which remembers its last good verdict."""
    probe: ReadinessProbe = request.app.state.readiness
    return probe


ProbeDependency = Annotated[ReadinessProbe, Depends(get_probe)]


@router.get("/livez", operation_id="get_livez", summary="Whether the process is up")
async def get_livez() -> Liveness:
    """Answers as soon as the process does. For what it needs to serve, see `/readyz`."""
    return Liveness()


@router.get(
    "/readyz", operation_id="get_readyz", summary="Whether the service can really serve", responses=responses(NotReady)
)
async def get_readyz(probe: ProbeDependency) -> Readiness:
    """200 when the model is warm and encodes right, the database is reachable and its schema current; else 503."""
    return await probe.check()


@router.get("/metrics", operation_id="get_metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
async def get_metrics(request: Request, probe: ProbeDependency) -> Response:
    """In Prometheus's text format, or OpenMetrics where `Accept` asks for it. See docs/observability.md."""
    metrics: Metrics = request.app.state.metrics
    await probe.glance()
    write, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(write(metrics.registry), headers={"Content-Type": content_type})


@router.get(
    "/model",
    operation_id="get_model",
    summary="What is loaded",
    responses=responses(DatabaseUnavailable),  # the database has the keys
)
async def get_model(resources: ResourcesDependency) -> LoadedModel:
    """The model, the provider that runs it, and the calibration profile."""
    return describe_model(resources)
