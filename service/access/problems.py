"""The problems of access."""

from service.access.scopes import Scope
from service.problems import Problem

REALM = 'Bearer realm="swerve"'


class KeyNeeded(Problem):
    """The request has no valid API key."""

    status = 401
    type = "/problems/key-needed"
    title = "API key needed"
    default_detail = (
        "Send an API key as `Authorization: Bearer swerve_...`. The service's operator makes one with "
        "`swerve keys create`."
    )

    def __init__(self, detail: str | None = None, *, error: str = "") -> None:
        # RFC 6750: no error code where no key was sent at all.
        challenge = f'{REALM}, error="{error}"' if error else REALM
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class ScopeMissing(Problem):
    """The API key is valid, but not for this."""

    status = 403
    type = "/problems/scope-missing"
    title = "Scope missing"
    default_detail = "This needs a scope that the API key does not have. `swerve keys create --scope` makes another."

    @classmethod
    def of(cls, need: str, held: frozenset[Scope]) -> "ScopeMissing":
        """The problem that names the scope needed."""
        detail = (
            f"This needs the scope `{need}`; the API key has {' and '.join(f'`{scope}`' for scope in sorted(held))}. "
            f"Use another key; the service's operator makes one with `swerve keys create --scope {need}`."
        )
        return cls(detail, headers={"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{need}"'})


class LocalOnly(Problem):
    """As long as no API key was ever made, only programs on the service's own machine are answered."""

    status = 403
    type = "/problems/local-only"
    title = "Local access only"
    default_detail = (
        "No API key was made yet, so only programs on this machine are answered: the Host must be localhost, 127.0.0.1 "
        "or [::1], and the request must not come through a proxy. To serve others, make a key with "
        "`swerve keys create`."
    )


class RateLimited(Problem):
    """The API key's rate limit is used up."""

    status = 429
    type = "/problems/rate-limited"
    title = "Rate limited"
    default_detail = "The rate limit is used up. Nothing was stored; send the same request again after Retry-After."
    retries = True
