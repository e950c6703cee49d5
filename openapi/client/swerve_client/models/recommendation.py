from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.recommendation_source import RecommendationSource, check_recommendation_source

if TYPE_CHECKING:
    from ..models.explanation import Explanation
    from ..models.recommendation_attributes import RecommendationAttributes


T = TypeVar("T", bound="Recommendation")


@_attrs_define
class Recommendation:
    """An item.

    Attributes:
        attributes (RecommendationAttributes):
        category (None | str):
        explanation (Explanation | None): With `explain`.
        item_id (str):
        score (float): Its probability relative to the most probable item's, 0 to 1.
        source (RecommendationSource): What speaks most for it: the present interest, an earlier one, an earlier one
            that has returned, what the domain's users like; or the share of exploration.
        text (None | str):
    """

    attributes: RecommendationAttributes
    category: None | str
    explanation: Explanation | None
    item_id: str
    score: float
    source: RecommendationSource
    text: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.explanation import Explanation  # noqa: PLC0415

        attributes = self.attributes.to_dict()

        category: None | str
        category = self.category

        explanation: dict[str, Any] | None
        if isinstance(self.explanation, Explanation):
            explanation = self.explanation.to_dict()
        else:
            explanation = self.explanation

        item_id = self.item_id

        score = self.score

        source: str = self.source

        text: None | str
        text = self.text

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attributes": attributes,
                "category": category,
                "explanation": explanation,
                "item_id": item_id,
                "score": score,
                "source": source,
                "text": text,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.explanation import Explanation  # noqa: PLC0415
        from ..models.recommendation_attributes import RecommendationAttributes  # noqa: PLC0415

        d = dict(src_dict)
        attributes = RecommendationAttributes.from_dict(d.pop("attributes"))

        def _parse_category(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        category = _parse_category(d.pop("category"))

        def _parse_explanation(data: object) -> Explanation | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                explanation_type_0 = Explanation.from_dict(data)

                return explanation_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Explanation | None, data)

        explanation = _parse_explanation(d.pop("explanation"))

        item_id = d.pop("item_id")

        score = d.pop("score")

        source = check_recommendation_source(d.pop("source"))

        def _parse_text(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        text = _parse_text(d.pop("text"))

        recommendation = cls(
            attributes=attributes,
            category=category,
            explanation=explanation,
            item_id=item_id,
            score=score,
            source=source,
            text=text,
        )

        recommendation.additional_properties = d
        return recommendation

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
