from typing import Literal

GetDomainMutationsBucket = Literal["day", "hour"]

GET_DOMAIN_MUTATIONS_BUCKET_VALUES: set[GetDomainMutationsBucket] = {
    "day",
    "hour",
}


def check_get_domain_mutations_bucket(value: str) -> GetDomainMutationsBucket:
    if value in GET_DOMAIN_MUTATIONS_BUCKET_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {GET_DOMAIN_MUTATIONS_BUCKET_VALUES!r}")
