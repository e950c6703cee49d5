"""The limit that the service is measured against: what any Python endpoint that does comparable I/O must pay.

`POST /detect` here parses the same body with the same models under the same server, reads a state and open behaviours
of the size of a user's and which events are known, stores the new state, the events, a snapshot and the behaviours one
by one in the same Postgres as durably, and answers with as many bytes. It encodes and judges nothing. Two statements on
a raw asyncpg pool, each a transaction of its own; the answer is written from a dictionary by orjson, past the
framework.
"""

import asyncio
import base64
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any

import asyncpg
import numpy as np
import orjson
import typer
import uvicorn
from fastapi import FastAPI, Response

from service.detect.schemas import DetectRequest
from service.server import bind

STATE_BYTES, PENDING_BYTES = 15_000, 11_000
"""Of a user's state, and of the behaviours whose order is open, where they come once a second."""
RECENT, CHANGE, SCORES, TOPICS = (f'"{"x" * size}"' for size in (1_000, 210, 100, 340))
"""JSON of the size of what is kept with a state, and with a snapshot."""
DIM = 384
SLOTS = 128
"""Behaviours of a user that are kept one by one."""
SPACE = "0" * 64
CONNECTIONS = 10
"""As many as the service takes by default."""

SCHEMA = """
CREATE TABLE bare_states (user_key bytea PRIMARY KEY, state bytea NOT NULL, pending bytea NOT NULL,
                          recent jsonb NOT NULL, sequence bigint NOT NULL);
CREATE TABLE bare_events (user_key bytea, event_id text, occurred_at timestamptz NOT NULL,
                          PRIMARY KEY (user_key, event_id));
CREATE TABLE bare_snapshots (user_key bytea, sequence bigint, snapshot_id uuid NOT NULL, taken_at timestamptz NOT NULL,
                             change jsonb NOT NULL, scores jsonb NOT NULL, topics jsonb NOT NULL,
                             z bytea NOT NULL, z_previous bytea NOT NULL, PRIMARY KEY (user_key, sequence));
CREATE TABLE bare_memory (user_key bytea, slot smallint, event_id text NOT NULL, occurred_at timestamptz NOT NULL,
                          counted_at timestamptz NOT NULL, space text NOT NULL, codes bytea NOT NULL,
                          scale real NOT NULL, PRIMARY KEY (user_key, slot));
"""
READ = """
SELECT state, pending, recent, sequence, ARRAY(
    SELECT event_id FROM bare_events WHERE user_key = $1 AND event_id = ANY($2::text[])
) AS seen
FROM (SELECT 1) AS one LEFT JOIN bare_states ON user_key = $1
"""
WRITE = """
WITH saved AS (
    INSERT INTO bare_states VALUES ($1, $2, $3, $4, 1)
    ON CONFLICT (user_key) DO UPDATE
    SET state = excluded.state, pending = excluded.pending, recent = excluded.recent,
        sequence = bare_states.sequence + 1
    RETURNING sequence
), recorded AS (
    INSERT INTO bare_events SELECT $1, * FROM unnest($5::text[], $6::timestamptz[]) ON CONFLICT DO NOTHING
), remembered AS (
    INSERT INTO bare_memory
    SELECT $1, new.slot, new.event_id, new.occurred_at, new.occurred_at, $7, new.codes, 0.01
    FROM unnest($8::smallint[], $5::text[], $6::timestamptz[], $9::bytea[]) AS new (slot, event_id, occurred_at, codes)
    WHERE new.slot IS NOT NULL
    ON CONFLICT (user_key, slot) DO UPDATE
    SET event_id = excluded.event_id, occurred_at = excluded.occurred_at, counted_at = excluded.counted_at,
        space = excluded.space, codes = excluded.codes, scale = excluded.scale
)
INSERT INTO bare_snapshots SELECT $1, sequence, $10, $11, $12, $13, $14, $15, $15 FROM saved RETURNING sequence
"""


def create_app(database: str) -> FastAPI:
    """The endpoint, on a database that has `SCHEMA`."""
    # As little to compress as in a real state.
    fresh, opened = (np.random.default_rng(0).bytes(size) for size in (STATE_BYTES, PENDING_BYTES))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/detect")
    async def detect(body: DetectRequest) -> Response:
        pool = app.state.pool
        key = sha256(body.user_id.encode()).digest()
        ids = [behavior.event_id or uuid.uuid4().hex for behavior in body.behaviors]
        times = [behavior.occurred_at for behavior in body.behaviors]
        held = await pool.fetchrow(READ, key, ids)
        state, pending = held["state"] or fresh, held["pending"] or opened
        first, left_out = len(ids) * (held["sequence"] or 0), max(len(ids) - SLOTS, 0)
        slots = [None] * left_out + [(first + n) % SLOTS for n in range(len(ids) - left_out)]
        codes = [state[n : n + DIM] for n in range(len(ids))]
        snapshot_id, now, z = uuid.uuid4(), datetime.now(UTC), state[: 4 * DIM]
        rest = (slots, codes, snapshot_id, now, CHANGE, SCORES, TOPICS, z)
        sequence = await pool.fetchval(
            WRITE, key, state[1:] + state[:1], pending[1:] + pending[:1], RECENT, ids, times, SPACE, *rest
        )
        told = answer(body, snapshot_id=snapshot_id, sequence=sequence, state=state)
        return Response(orjson.dumps(told), media_type="application/json")

    return app


def answer(body: DetectRequest, *, snapshot_id: uuid.UUID, sequence: int, state: bytes) -> dict[str, Any]:
    """What is sent back: four vectors where they are asked for, and the small parts."""
    told: dict[str, Any] = {
        "user_id": body.user_id,
        "domain": body.domain,
        "snapshot_id": snapshot_id,
        "sequence": sequence,
        "status": "ok",
        "mutated": False,
        "scores": dict.fromkeys(("magnitude", "cosine_distance", "rate_per_day", "window"), 0.5),
        "accepted": len(body.behaviors),
    }
    if "vectors" in body.options.include:
        told["interest"] = {"dim": DIM, **dict.fromkeys(_VECTORS, _vector(state, body.options.encoding_format))}
    return told


_VECTORS = ("z", "z_previous", "delta_z", "direction")


def _vector(state: bytes, encoding: str) -> str | list[float]:
    raw = state[: 4 * DIM]
    if encoding == "base64":
        return base64.b64encode(raw).decode("ascii")
    # Random bits as float32 could be no number at all; as integers they are, of seven decimals when scaled.
    numbers: list[float] = np.round(np.frombuffer(raw, "<i4") / 2**31, 7).tolist()
    return numbers


def main(port: Annotated[int, typer.Option()] = 0) -> None:
    """Serve as the service does; DATABASE_URL names the database, which must be without these tables."""
    database = os.environ["DATABASE_URL"]
    asyncio.run(_make_tables(database))
    with bind("127.0.0.1", port) as listener:
        config = uvicorn.Config(
            create_app(database),
            loop="auto",
            http="httptools",
            access_log=False,
            log_level="warning",
            server_header=False,
        )
        listener.listen(2048)  # said once it is true: whoever waits for this line may connect at once
        print(f"bare endpoint at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


async def _make_tables(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(SCHEMA)
    finally:
        await connection.close()


if __name__ == "__main__":
    typer.run(main)
