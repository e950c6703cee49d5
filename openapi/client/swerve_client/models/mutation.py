from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.change import Change
    from ..models.population_shift import PopulationShift
    from ..models.topics import Topics


T = TypeVar("T", bound="Mutation")


@_attrs_define
class Mutation:
    """A change of one user's interest.

    Attributes:
        change (Change): The question whether the interest changed, and the answer.
        domain (str):
        population (None | PopulationShift): The shift of the whole population that the change is part of, as it was
            known when the change was declared. Null for a change of the user's own.
        sequence (int): Of that snapshot: tells the order of one user's changes.
        snapshot_id (UUID): The change's own snapshot; names the change, and stays the same.
        topics (Topics): What the interest gained and lost in the latest change of this request.
        user_id (str): The user's id in your system.
    """

    change: Change
    domain: str
    population: None | PopulationShift
    sequence: int
    snapshot_id: UUID
    topics: Topics
    user_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.population_shift import PopulationShift  # noqa: PLC0415

        change = self.change.to_dict()

        domain = self.domain

        population: dict[str, Any] | None
        if isinstance(self.population, PopulationShift):
            population = self.population.to_dict()
        else:
            population = self.population

        sequence = self.sequence

        snapshot_id = str(self.snapshot_id)

        topics = self.topics.to_dict()

        user_id = self.user_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "change": change,
                "domain": domain,
                "population": population,
                "sequence": sequence,
                "snapshot_id": snapshot_id,
                "topics": topics,
                "user_id": user_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.change import Change  # noqa: PLC0415
        from ..models.population_shift import PopulationShift  # noqa: PLC0415
        from ..models.topics import Topics  # noqa: PLC0415

        d = dict(src_dict)
        change = Change.from_dict(d.pop("change"))

        domain = d.pop("domain")

        def _parse_population(data: object) -> None | PopulationShift:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                population_type_0 = PopulationShift.from_dict(data)

                return population_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PopulationShift, data)

        population = _parse_population(d.pop("population"))

        sequence = d.pop("sequence")

        snapshot_id = UUID(d.pop("snapshot_id"))

        topics = Topics.from_dict(d.pop("topics"))

        user_id = d.pop("user_id")

        mutation = cls(
            change=change,
            domain=domain,
            population=population,
            sequence=sequence,
            snapshot_id=snapshot_id,
            topics=topics,
            user_id=user_id,
        )

        mutation.additional_properties = d
        return mutation

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
