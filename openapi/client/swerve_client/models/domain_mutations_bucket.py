from typing import Literal

DomainMutationsBucket = Literal["day", "hour"]

DOMAIN_MUTATIONS_BUCKET_VALUES: set[DomainMutationsBucket] = {
    "day",
    "hour",
}


def check_domain_mutations_bucket(value: str) -> DomainMutationsBucket:
    if value in DOMAIN_MUTATIONS_BUCKET_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DOMAIN_MUTATIONS_BUCKET_VALUES!r}")
