"""What a request costs when there are more users, and when a user's history is longer."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import numpy as np

from bench.serving.bodies import HISTORY, TASTE, TEXTS, Bodies, drawn, users
from bench.serving.detect import check
from bench.serving.load import Load, Outcome, Request, generator, quantiles_ms
from bench.serving.phases import Figures, verdict
from bench.serving.plans import described, plans, sequential
from bench.serving.postgres import make_database, postgres, run
from bench.serving.service_process import SECRET, Running, service_process
from bench.serving.setting import Setting
from service.detect.repository import User
from service.identity import user_key
from service.users.service import make_cursor
from service.wire import DEFAULT_DOMAIN

TITLE = "Growth"

FLAT = 1.2
"""The median with the most, by that with the least, at most."""
SCALES, BRIEF_SCALES = (1_000, 100_000, 1_000_000), (500, 1_000, 2_000)
HISTORIES, BRIEF_HISTORIES = {10: 40, 100: 20, 1_000: 10, 10_000: 5}, {10: 10, 100: 5, 200: 2}
"""Users for each number of snapshots."""
JUDGED = 200
"""Users with whole states, to whom behaviours are posted, at every scale. All others are only read."""
BULK_STATE_BYTES, BULK_VECTOR_BYTES = 64, 64
"""Kept of the others' states and vectors: whole ones would be 18 GB for a million users, and their memory 60."""
SNAPSHOTS = 2
REPETITIONS = 13
"""Of short turns: the speed of a machine that is shared drifts by more than the limit within a minute."""
EVENTS = 20
"""Known events for each snapshot of a long history."""
TEMPLATE = "template"


@dataclass
class _Place:
    """A database of its own, and a service on it."""

    size: int
    database: str
    server: Running
    judged: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Call:
    """A way to ask: its name, connections, and how many requests make a repetition."""

    name: str
    connections: int
    requests: int


DETECT, BUSY = _Call("POST /detect", 1, 40), _Call("POST /detect, 8 connections", 8, 80)
INTEREST, NEWEST = _Call("GET /interest", 1, 50), _Call("GET /history", 1, 50)
POLICY = _Call("GET /policy", 1, 50)
OLDEST = _Call("GET /history, its oldest page", 1, 50)
SCALE_CALLS, HISTORY_CALLS = (DETECT, BUSY, INTEREST, NEWEST, POLICY), (DETECT, INTEREST, NEWEST, OLDEST, POLICY)


def measure(setting: Setting) -> Figures:
    """The same requests at every scale, in turns; then the plans at the largest."""
    scales = BRIEF_SCALES if setting.brief else SCALES
    histories = BRIEF_HISTORIES if setting.brief else HISTORIES
    known = drawn(setting.random, setting.texts, TASTE)  # every judged user is a copy of one, so has that one's taste
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        load = stack.enter_context(generator())
        places = [_open(stack, setting, url, f"users_{size}", size) for size in scales]
        long = _open(stack, setting, url, "histories", sum(histories.values()))
        setting.progress("one user's real rows")
        for place in (*places, long):
            _warm(load, place, known, setting.random)
        template = run(_template(places[0].database))
        filled = {}
        for place in places:
            setting.progress(f"{place.size:,} users")
            began = time.perf_counter()
            bytes_ = run(_fill_users(place, template))
            filled[str(place.size)] = {"seconds": round(time.perf_counter() - began, 1), **bytes_}
        setting.progress("long histories")
        run(_fill_histories(long.database, template, histories))
        by_length = [
            _Place(size, long.database, long.server, ids := users(number, f"history-{size}"), ids)
            for size, number in histories.items()
        ]
        return {
            "judged_users": JUDGED,
            "bulk_state_bytes": BULK_STATE_BYTES,
            "state_bytes": len(template["user_states"][0]["state"]),
            "snapshots_per_user": SNAPSHOTS,
            "filled": filled,
            "users": _turns(setting, load, known, places=places, calls=SCALE_CALLS, what="users"),
            "histories": _turns(
                setting, load, known, places=by_length, calls=HISTORY_CALLS, what="snapshots of a user"
            ),
            "plans": run(plans(places[-1].database, User(DEFAULT_DOMAIN, _key(places[-1].judged[0])))),
        }


def _open(stack: ExitStack, setting: Setting, url: str, name: str, size: int) -> _Place:
    database = make_database(url, name)
    return _Place(size, database, stack.enter_context(service_process(setting.model, database)))


def _warm(load: Load, place: _Place, known: Sequence[str], random: np.random.Generator) -> None:
    """All texts in the service's cache, and a user with a full state and two snapshots."""
    bodies = Bodies("warm")
    requests = [bodies.detect(TEMPLATE, drawn(random, known, HISTORY // SNAPSHOTS)) for _ in range(SNAPSHOTS)]
    check(load.closed(place.server.url, requests, connections=1))


Template = dict[str, list[dict[str, Any]]]


async def _template(database: str) -> Template:
    """The rows of the user of that name, by table."""
    orders = {"user_states": "sequence", "snapshots": "sequence", "user_memory": "ring, slot"}
    connection = await asyncpg.connect(database)
    try:
        return {
            table: [
                dict(row)
                for row in await connection.fetch(
                    f"SELECT * FROM {table} WHERE user_key = $1 ORDER BY {order}",  # noqa: S608 - of constants
                    _key(TEMPLATE),
                )
            ]
            for table, order in orders.items()
        }
    finally:
        await connection.close()


def _key(user: str) -> bytes:
    return user_key(SECRET.encode(), DEFAULT_DOMAIN, user)


FILL_STATES = """
INSERT INTO user_states (domain, user_key, state, space, profile_id, sequence, recent_events, pending)
SELECT $1, user_key, CASE WHEN whole THEN $2::bytea ELSE substr($2::bytea, 1, $3) END, $4, $5, snapshots,
       CASE WHEN whole THEN $6::jsonb ELSE '[]' END, CASE WHEN whole THEN $7::bytea END
FROM filled ORDER BY user_key
"""
FILL_SNAPSHOTS = """
INSERT INTO snapshots (domain, user_key, sequence, snapshot_id, taken_at, taken_for, as_of, behaviors, status, mutated,
                       change, scores, topics, z, z_previous, model_digest, profile_id)
SELECT $1, user_key, number, gen_random_uuid(), now() - (snapshots - number) * interval '1 hour', 'request', $2, $3,
       $4, false, $5, $6, $7, CASE WHEN whole THEN $8::bytea ELSE substr($8::bytea, 1, $9) END,
       CASE WHEN whole THEN $8::bytea END, $10, $11
FROM filled, generate_series(1, snapshots) AS number ORDER BY user_key, number
"""
FILL_EVENTS = """
INSERT INTO seen_events (domain, user_key, event_id, occurred_at)
SELECT $1, user_key, 'filled-' || lpad(number::text, 8, '0'), now()
FROM filled, generate_series(1, events) AS number ORDER BY user_key, number
"""
FILL_MEMORY = """
INSERT INTO user_memory (domain, user_key, ring, slot, arrival, event_id, occurred_at, counted_at, weight, space, codes,
                         scale)
SELECT $1, user_key, kept.ring, kept.slot, kept.arrival, kept.event_id, kept.occurred_at, kept.counted_at, kept.weight,
       $2, CASE WHEN whole THEN kept.codes ELSE substr(kept.codes, 1, $3) END, kept.scale
FROM filled, unnest($4::smallint[], $5::smallint[], $6::bigint[], $7::text[], $8::timestamptz[], $9::timestamptz[],
                    $10::real[], $11::bytea[], $12::real[])
     AS kept (ring, slot, arrival, event_id, occurred_at, counted_at, weight, codes, scale)
WHERE whole OR kept.slot < snapshots AND kept.ring = 0 ORDER BY user_key, kept.ring, kept.slot
"""
FILL_SEEN_ITEMS = """
INSERT INTO seen_items (domain, user_key, item_id, seen_at)
SELECT $1, user_key, 'filled-' || number, now() FROM filled, generate_series(1, snapshots) AS number
ORDER BY user_key, number
"""
FILL_MUTATIONS = """
INSERT INTO mutations (domain, user_key, sequence, mutation_id, recorded_at, changed_at, kind, change, gained, lost,
                       profile_id, sealed)
SELECT $1, user_key, 1, gen_random_uuid(), at, at, 'novel', $2, '[{"topic": 1}]', '[]', $3, '\\x00'
FROM (SELECT user_key, now() - random() * interval '1 year' AS at FROM filled WHERE NOT whole) AS others
ORDER BY user_key
"""
"""Of one change of each of the others, within a year: for seven days back they are counted again and again."""
FILLED = ("user_states", "snapshots", "seen_events", "user_memory", "seen_items", "mutations")
SIZES = "SELECT relname AS table, pg_total_relation_size(oid) AS bytes FROM pg_class WHERE relname = ANY($1)"
Row = tuple[bytes, bool, int, int]
"""A user to be filled in: key, whether with a whole state, snapshots, events."""


async def _fill_users(place: _Place, template: Template) -> Figures:
    """The place's users, of whom some are to be judged; the bytes of each table."""
    judged = min(JUDGED, place.size // 2)
    ids = users(place.size)
    place.judged, place.read = ids[:judged], ids[judged:]
    rows = [(_key(user), n < judged, SNAPSHOTS, SNAPSHOTS) for n, user in enumerate(ids)]
    return {"bytes": await _fill(place.database, template, rows)}


async def _fill_histories(database: str, template: Template, histories: dict[int, int]) -> None:
    rows = [
        (_key(user), True, size, size * EVENTS)
        for size, number in histories.items()
        for user in users(number, f"history-{size}")
    ]
    await _fill(database, template, rows)


async def _fill(database: str, template: Template, rows: list[Row]) -> dict[str, int]:
    """Copies of the template's rows. In order of their keys, so that the indexes grow at their ends."""
    state, snapshot = template["user_states"][0], template["snapshots"][-1]
    connection = await asyncpg.connect(database, command_timeout=600)
    try:
        await connection.execute(
            "CREATE TEMPORARY TABLE filled (user_key bytea, whole boolean, snapshots bigint, events bigint)"
        )
        await connection.copy_records_to_table("filled", records=sorted(rows))
        states = [state[name] for name in ("state", "space", "profile_id", "recent_events", "pending")]
        await connection.execute(FILL_STATES, DEFAULT_DOMAIN, states[0], BULK_STATE_BYTES, *states[1:])
        names = ("as_of", "behaviors", "status", "change", "scores", "topics", "z", "model_digest", "profile_id")
        values = [snapshot[name] for name in names]
        values.insert(names.index("z") + 1, BULK_VECTOR_BYTES)
        await connection.execute(FILL_SNAPSHOTS, DEFAULT_DOMAIN, *values)
        await connection.execute(FILL_EVENTS, DEFAULT_DOMAIN)
        await connection.execute(FILL_MEMORY, DEFAULT_DOMAIN, *_memory(template["user_memory"]))
        await connection.execute(FILL_SEEN_ITEMS, DEFAULT_DOMAIN)
        await connection.execute(FILL_MUTATIONS, DEFAULT_DOMAIN, snapshot["change"], state["profile_id"])
        for table in FILLED:
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        await connection.execute("CHECKPOINT")  # now rather than while something is measured
        return {row["table"]: row["bytes"] for row in await connection.fetch(SIZES, FILLED)}
    finally:
        await connection.close()


def _memory(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """What `FILL_MEMORY` is given: the space, how much is kept of the others' vectors, and each column of the rows."""
    names = ("ring", "slot", "arrival", "event_id", "occurred_at", "counted_at", "weight", "codes", "scale")
    return [rows[0]["space"], BULK_VECTOR_BYTES, *([row[name] for row in rows] for name in names)]


def _turns(
    setting: Setting, load: Load, known: Sequence[str], *, places: Sequence[_Place], calls: Sequence[_Call], what: str
) -> list[Figures]:
    """Every call at every place, in turns; the first repetition warms up."""
    repetitions = 2 if setting.brief else REPETITIONS
    outcomes: dict[tuple[str, int], list[Outcome]] = {}
    bodies, random = Bodies(f"turns-{what}"), setting.random
    for repetition in range(repetitions):
        setting.progress(f"by {what}, repetition {repetition + 1} of {repetitions}")
        for call in calls:
            for place in places if repetition % 2 else reversed(places):
                requests = _requests(call, place, bodies, random, known)
                outcome = check(load.closed(place.server.url, requests, connections=call.connections))
                if repetition:
                    outcomes.setdefault((call.name, place.size), []).append(outcome)
    return [
        {
            "call": call.name,
            "latency_ms": {
                str(place.size): quantiles_ms(np.concatenate([o.latency for o in outcomes[call.name, place.size]]))
                for place in places
            },
        }
        for call in calls
    ]


def _requests(
    call: _Call, place: _Place, bodies: Bodies, random: np.random.Generator, known: Sequence[str]
) -> list[Request]:
    if call in (DETECT, BUSY):
        return [bodies.detect(user, drawn(random, known, TEXTS)) for user in drawn(random, place.judged, call.requests)]
    if call is POLICY:  # of whole states and memories
        return [Request(f"/users/{user}/policy") for user in drawn(random, place.judged, call.requests)]
    ids = drawn(random, place.read, call.requests)
    if call is INTEREST:
        return [Request(f"/users/{user}/interest") for user in ids]
    # As many on a page whatever the history's length: else a longer one would cost more by what is sent.
    oldest = "" if call is NEWEST else f"&cursor={make_cursor(11)}"
    return [Request(f"/users/{user}/history?limit=10{oldest}") for user in ids]


def ratio(row: Figures) -> float:
    """The highest median of a call by that with the least."""
    medians = [told["p50"] for told in row["latency_ms"].values()]
    return float(max(medians) / medians[0])


def section(figures: Figures) -> list[str]:
    """Medians by scale, and the plans, each with its target."""
    *_, (most, filled) = figures["filled"].items()
    gigabytes = sum(filled["bytes"].values()) / 1e9
    lines = [
        (
            f"Each number of users is a database of its own on one Postgres, with a service of its own; all are asked "
            f"in turns. Users have {figures['snapshots_per_user']} snapshots each, copied by SQL from a user who went "
            f"through the service. The {figures['judged_users']} users to whom behaviours are posted, and whose policy "
            f"is asked for, have whole states ({figures['state_bytes'] / 1000:.1f} kB) and all behaviours that are "
            f"kept one by one; of the others' states {figures['bulk_state_bytes']} bytes are kept, and two behaviours, "
            f"two items seen and one change, so that no table or index is small, though not as wide as it would be: "
            f"{gigabytes:.1f} GB at {int(most):,} users. Other reads go to users at random among those. Target: the "
            f"median of a request at most {FLAT:g} times that of the smallest."
        ),
        "",
    ]
    lines += _table("users", figures["users"])
    lines += _table("snapshots of one user", figures["histories"])
    return lines + _plans(figures["plans"], int(most) * figures["snapshots_per_user"])


def _table(what: str, rows: Sequence[Figures]) -> list[str]:
    sizes = [f"{int(size):,}" for size in rows[0]["latency_ms"]]
    lines = [
        f"### By {what}",
        "",
        f"| p50, ms | {' | '.join(sizes)} | highest by first | target |",
        f"| --- |{' --- |' * len(sizes)} --- | --- |",
    ]
    for row in rows:
        medians = " | ".join(f"{told['p50']:.1f}" for told in row["latency_ms"].values())
        highest = ratio(row)
        lines.append(f"| {row['call']} | {medians} | {highest:.2f} | {verdict(met=highest <= FLAT)} |")
    return [*lines, ""]


def _plans(found: Sequence[Figures], snapshots: int) -> list[str]:
    scans = {plan["query"]: tables for plan in found if (tables := sequential(plan))}
    named = "; ".join(f"{query} reads {', '.join(tables)}" for query, tables in scans.items())
    lines = [
        "### Query plans",
        "",
        (
            f"Of these queries of the repositories about a user and about changes, as they send them, with "
            f"{snapshots:,} snapshots; what the catalogue is asked is in bench/results/recommend/index. Target: none "
            f"reads a table from end to end, {verdict(met=not scans)}{': ' + named if scans else ''}."
        ),
        "",
        "| query | plan | sequential scan |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {p['query']} | {described(p)} | {'**yes**' if p['query'] in scans else 'no'} |" for p in found]
    return [*lines, ""]
