from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.behavior import Behavior
    from ..models.detect_options import DetectOptions


T = TypeVar("T", bound="DetectRequest")


@_attrs_define
class DetectRequest:
    """One user's behaviours.

    Attributes:
        behaviors (list[Behavior]):
        user_id (str): The user's id in your system. Only a keyed hash of it is stored.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default: 'default'.
        options (DetectOptions | Unset): How to judge and what to send back.
    """

    behaviors: list[Behavior]
    user_id: str
    domain: str | Unset = "default"
    options: DetectOptions | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        behaviors = []
        for behaviors_item_data in self.behaviors:
            behaviors_item = behaviors_item_data.to_dict()
            behaviors.append(behaviors_item)

        user_id = self.user_id

        domain = self.domain

        options: dict[str, Any] | Unset = UNSET
        if not isinstance(self.options, Unset):
            options = self.options.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "behaviors": behaviors,
                "user_id": user_id,
            }
        )
        if domain is not UNSET:
            field_dict["domain"] = domain
        if options is not UNSET:
            field_dict["options"] = options

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.behavior import Behavior  # noqa: PLC0415
        from ..models.detect_options import DetectOptions  # noqa: PLC0415

        d = dict(src_dict)
        behaviors = []
        _behaviors = d.pop("behaviors")
        for behaviors_item_data in _behaviors:
            behaviors_item = Behavior.from_dict(behaviors_item_data)

            behaviors.append(behaviors_item)

        user_id = d.pop("user_id")

        domain = d.pop("domain", UNSET)

        _options = d.pop("options", UNSET)
        options: DetectOptions | Unset
        if isinstance(_options, Unset):
            options = UNSET
        else:
            options = DetectOptions.from_dict(_options)

        detect_request = cls(
            behaviors=behaviors,
            user_id=user_id,
            domain=domain,
            options=options,
        )

        return detect_request
