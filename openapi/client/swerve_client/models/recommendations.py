from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.mixture_shares import MixtureShares
    from ..models.policy import Policy
    from ..models.recommendation import Recommendation


T = TypeVar("T", bound="Recommendations")


@_attrs_define
class Recommendations:
    """Items for a user, the best first.

    Attributes:
        as_of (datetime.datetime | None): Time of the user's newest behaviour. Null for a new user.
        domain (str):
        items (list[Recommendation]): Fewer than `k` where the catalogue has no more.
        mixture (MixtureShares): What the items were drawn from; adds up to 1.
        policy (Policy): How to recommend to a user now. It follows from the detector's posterior; nothing in it is set
            by hand.
        user_id (str):
    """

    as_of: datetime.datetime | None
    domain: str
    items: list[Recommendation]
    mixture: MixtureShares
    policy: Policy
    user_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        as_of: None | str
        if isinstance(self.as_of, datetime.datetime):
            as_of = self.as_of.isoformat()
        else:
            as_of = self.as_of

        domain = self.domain

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        mixture = self.mixture.to_dict()

        policy = self.policy.to_dict()

        user_id = self.user_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "as_of": as_of,
                "domain": domain,
                "items": items,
                "mixture": mixture,
                "policy": policy,
                "user_id": user_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.mixture_shares import MixtureShares  # noqa: PLC0415
        from ..models.policy import Policy  # noqa: PLC0415
        from ..models.recommendation import Recommendation  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_as_of(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                as_of_type_0 = datetime.datetime.fromisoformat(data)

                return as_of_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        as_of = _parse_as_of(d.pop("as_of"))

        domain = d.pop("domain")

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = Recommendation.from_dict(items_item_data)

            items.append(items_item)

        mixture = MixtureShares.from_dict(d.pop("mixture"))

        policy = Policy.from_dict(d.pop("policy"))

        user_id = d.pop("user_id")

        recommendations = cls(
            as_of=as_of,
            domain=domain,
            items=items,
            mixture=mixture,
            policy=policy,
            user_id=user_id,
        )

        recommendations.additional_properties = d
        return recommendations

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
