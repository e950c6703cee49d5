"""Errors of webhooks, as clients see them."""

from service.problems import Problem


class UnknownWebhook(Problem):
    """There is no webhook with this id."""

    status = 404
    type = "/problems/unknown-webhook"
    title = "Unknown webhook"
    default_detail = "There is no webhook with this id. GET /webhooks lists them all."


class TooManyWebhooks(Problem):
    """There are as many webhooks as there may be."""

    status = 409
    type = "/problems/too-many-webhooks"
    title = "Too many webhooks"
    default_detail = "There are as many webhooks as there may be, 100. Delete one that is no longer used."


class WebhookSecretUnreadable(Problem):
    """The stored secret cannot be read."""

    status = 409
    type = "/problems/webhook-secret-unreadable"
    title = "Webhook secret unreadable"
    default_detail = (
        "The webhook's secret was stored under a user-key secret that the service no longer has. Rotate it: POST "
        "/webhooks/{webhook_id}/rotate-secret."
    )
