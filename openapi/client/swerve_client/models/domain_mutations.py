from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.domain_mutations_bucket import DomainMutationsBucket, check_domain_mutations_bucket

if TYPE_CHECKING:
    from ..models.kinds import Kinds
    from ..models.population_shift import PopulationShift
    from ..models.time_bucket import TimeBucket
    from ..models.topic_counts import TopicCounts


T = TypeVar("T", bound="DomainMutations")


@_attrs_define
class DomainMutations:
    """What the changes in a domain have in common. Users who were erased are no longer counted.

    Attributes:
        bucket (DomainMutationsBucket):
        buckets (list[TimeBucket]): In order, empty ones included; the first and last may be cut.
        changes (int):
        domain (str):
        kinds (Kinds): Changes by what they turned to.
        shifts (list[PopulationShift]): Of the whole population, as of now, whatever `since` and `until` are; the most
            users first.
        since (datetime.datetime):
        topics (TopicCounts): Topics by users, most first, without those of fewer users than the settings allow to be
            told.
        until (datetime.datetime):
        users (int): Distinct users who changed.
    """

    bucket: DomainMutationsBucket
    buckets: list[TimeBucket]
    changes: int
    domain: str
    kinds: Kinds
    shifts: list[PopulationShift]
    since: datetime.datetime
    topics: TopicCounts
    until: datetime.datetime
    users: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        bucket: str = self.bucket

        buckets = []
        for buckets_item_data in self.buckets:
            buckets_item = buckets_item_data.to_dict()
            buckets.append(buckets_item)

        changes = self.changes

        domain = self.domain

        kinds = self.kinds.to_dict()

        shifts = []
        for shifts_item_data in self.shifts:
            shifts_item = shifts_item_data.to_dict()
            shifts.append(shifts_item)

        since = self.since.isoformat()

        topics = self.topics.to_dict()

        until = self.until.isoformat()

        users = self.users

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "bucket": bucket,
                "buckets": buckets,
                "changes": changes,
                "domain": domain,
                "kinds": kinds,
                "shifts": shifts,
                "since": since,
                "topics": topics,
                "until": until,
                "users": users,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.kinds import Kinds  # noqa: PLC0415
        from ..models.population_shift import PopulationShift  # noqa: PLC0415
        from ..models.time_bucket import TimeBucket  # noqa: PLC0415
        from ..models.topic_counts import TopicCounts  # noqa: PLC0415

        d = dict(src_dict)
        bucket = check_domain_mutations_bucket(d.pop("bucket"))

        buckets = []
        _buckets = d.pop("buckets")
        for buckets_item_data in _buckets:
            buckets_item = TimeBucket.from_dict(buckets_item_data)

            buckets.append(buckets_item)

        changes = d.pop("changes")

        domain = d.pop("domain")

        kinds = Kinds.from_dict(d.pop("kinds"))

        shifts = []
        _shifts = d.pop("shifts")
        for shifts_item_data in _shifts:
            shifts_item = PopulationShift.from_dict(shifts_item_data)

            shifts.append(shifts_item)

        since = datetime.datetime.fromisoformat(d.pop("since"))

        topics = TopicCounts.from_dict(d.pop("topics"))

        until = datetime.datetime.fromisoformat(d.pop("until"))

        users = d.pop("users")

        domain_mutations = cls(
            bucket=bucket,
            buckets=buckets,
            changes=changes,
            domain=domain,
            kinds=kinds,
            shifts=shifts,
            since=since,
            topics=topics,
            until=until,
            users=users,
        )

        domain_mutations.additional_properties = d
        return domain_mutations

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
