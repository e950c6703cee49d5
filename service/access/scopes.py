"""What each operation needs. One table, so that it can be read at a glance and nothing can be forgotten in it."""

from typing import Literal, get_args

Scope = Literal["ingest", "read", "admin"]
"""`ingest` takes behaviours in and encodes, `read` reads what is kept of users, `admin` may do everything."""

Need = Literal["nothing", "key"] | Scope
"""`nothing`: open to all. `key`: any valid key. Else a key with that scope, or with `admin`."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

NEEDS: dict[str, Need] = {
    "get_docs": "nothing",
    "get_openapi": "nothing",
    "get_livez": "nothing",
    "get_readyz": "nothing",
    "get_model": "key",
    "get_metrics": "key",
    "detect": "ingest",
    "detect_batch": "ingest",
    "encode": "ingest",
    "put_items": "ingest",
    "get_items_progress": "read",
    "get_item": "read",
    "delete_item": "ingest",
    "get_interest": "read",
    "get_history": "read",
    "get_policy": "read",
    "get_recommendations": "read",
    "get_domain_mutations": "read",
    "export_user": "admin",
    "delete_user": "admin",
    "stream_mutations": "read",
    "create_webhook": "admin",
    "list_webhooks": "admin",
    "get_webhook": "admin",
    "update_webhook": "admin",
    "delete_webhook": "admin",
    "rotate_webhook_secret": "admin",
    "test_webhook": "admin",
    "list_webhook_deliveries": "admin",
    "resend_webhook_deliveries": "admin",
}
"""By operation id. `service.openapi` refuses an operation that is missing here, and until then it needs `admin`."""

UNKNOWN_PATH: Need = "key"
"""For what is no operation at all: who has no key is not told what exists."""


def allows(held: frozenset[Scope], need: Need) -> bool:
    """Whether a valid key with these scopes is enough."""
    return need in {"nothing", "key"} or need in held or "admin" in held
