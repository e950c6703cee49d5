from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.detect_response_status import DetectResponseStatus, check_detect_response_status
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.change import Change
    from ..models.contribution import Contribution
    from ..models.interest import Interest
    from ..models.model_ref import ModelRef
    from ..models.policy import Policy
    from ..models.population_shift import PopulationShift
    from ..models.profile_ref import ProfileRef
    from ..models.rejected import Rejected
    from ..models.scores import Scores
    from ..models.topics import Topics
    from ..models.withheld import Withheld


T = TypeVar("T", bound="DetectResponse")


@_attrs_define
class DetectResponse:
    """The decision after one user's behaviours.

    Attributes:
        accepted (int): Behaviours taken in.
        change (Change): The question whether the interest changed, and the answer.
        changes (list[Change]): Every change declared during this request, in order.
        contributions (list[Contribution] | None): With `contributions` in `include`.
        domain (str):
        duplicates (int): Behaviours already seen, without effect.
        interest (Interest | None): With `vectors` in `include`.
        late (list[str]): Event ids of behaviours that came too late to be put in order: taken in as of the newest one.
        model (ModelRef): The model that encoded.
        mutated (bool): Whether a change was declared during this request.
        policy (Policy): How to recommend to a user now. It follows from the detector's posterior; nothing in it is set
            by hand.
        profile (None | ProfileRef):
        rejected (list[Rejected]): Behaviours not taken in.
        scores (None | Scores): Null where vectors leave with noise: they are made of exact ones.
        sequence (int): Of the user's latest snapshot; 0 if none.
        snapshot_id (None | UUID): The snapshot that this request stored; where nothing new was in it, the latest. Null
            if none.
        status (DetectResponseStatus): `warming_up`: too little history to judge. `uncalibrated`: no profile fits this
            model, only the distance detectors mean anything.
        topics (None | Topics): With `topics` in `include`.
        truncated (list[str]): Event ids of behaviours whose text was longer than the model reads.
        user_id (str):
        population (None | PopulationShift | Unset): Where a change of this request gained a topic that many users of
            the domain turn to at once: that shift, as of some seconds ago. Null: the change is the user's own, or there was
            none.
        withheld (None | Unset | Withheld): Only where vectors leave with noise, and those asked for were left out: why.
    """

    accepted: int
    change: Change
    changes: list[Change]
    contributions: list[Contribution] | None
    domain: str
    duplicates: int
    interest: Interest | None
    late: list[str]
    model: ModelRef
    mutated: bool
    policy: Policy
    profile: None | ProfileRef
    rejected: list[Rejected]
    scores: None | Scores
    sequence: int
    snapshot_id: None | UUID
    status: DetectResponseStatus
    topics: None | Topics
    truncated: list[str]
    user_id: str
    population: None | PopulationShift | Unset = UNSET
    withheld: None | Unset | Withheld = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.interest import Interest  # noqa: PLC0415
        from ..models.population_shift import PopulationShift  # noqa: PLC0415
        from ..models.profile_ref import ProfileRef  # noqa: PLC0415
        from ..models.scores import Scores  # noqa: PLC0415
        from ..models.topics import Topics  # noqa: PLC0415
        from ..models.withheld import Withheld  # noqa: PLC0415

        accepted = self.accepted

        change = self.change.to_dict()

        changes = []
        for changes_item_data in self.changes:
            changes_item = changes_item_data.to_dict()
            changes.append(changes_item)

        contributions: list[dict[str, Any]] | None
        if isinstance(self.contributions, list):
            contributions = []
            for contributions_type_0_item_data in self.contributions:
                contributions_type_0_item = contributions_type_0_item_data.to_dict()
                contributions.append(contributions_type_0_item)

        else:
            contributions = self.contributions

        domain = self.domain

        duplicates = self.duplicates

        interest: dict[str, Any] | None
        if isinstance(self.interest, Interest):
            interest = self.interest.to_dict()
        else:
            interest = self.interest

        late = self.late

        model = self.model.to_dict()

        mutated = self.mutated

        policy = self.policy.to_dict()

        profile: dict[str, Any] | None
        if isinstance(self.profile, ProfileRef):
            profile = self.profile.to_dict()
        else:
            profile = self.profile

        rejected = []
        for rejected_item_data in self.rejected:
            rejected_item = rejected_item_data.to_dict()
            rejected.append(rejected_item)

        scores: dict[str, Any] | None
        if isinstance(self.scores, Scores):
            scores = self.scores.to_dict()
        else:
            scores = self.scores

        sequence = self.sequence

        snapshot_id: None | str
        if isinstance(self.snapshot_id, UUID):
            snapshot_id = str(self.snapshot_id)
        else:
            snapshot_id = self.snapshot_id

        status: str = self.status

        topics: dict[str, Any] | None
        if isinstance(self.topics, Topics):
            topics = self.topics.to_dict()
        else:
            topics = self.topics

        truncated = self.truncated

        user_id = self.user_id

        population: dict[str, Any] | None | Unset
        if isinstance(self.population, Unset):
            population = UNSET
        elif isinstance(self.population, PopulationShift):
            population = self.population.to_dict()
        else:
            population = self.population

        withheld: dict[str, Any] | None | Unset
        if isinstance(self.withheld, Unset):
            withheld = UNSET
        elif isinstance(self.withheld, Withheld):
            withheld = self.withheld.to_dict()
        else:
            withheld = self.withheld

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "accepted": accepted,
                "change": change,
                "changes": changes,
                "contributions": contributions,
                "domain": domain,
                "duplicates": duplicates,
                "interest": interest,
                "late": late,
                "model": model,
                "mutated": mutated,
                "policy": policy,
                "profile": profile,
                "rejected": rejected,
                "scores": scores,
                "sequence": sequence,
                "snapshot_id": snapshot_id,
                "status": status,
                "topics": topics,
                "truncated": truncated,
                "user_id": user_id,
            }
        )
        if population is not UNSET:
            field_dict["population"] = population
        if withheld is not UNSET:
            field_dict["withheld"] = withheld

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.change import Change  # noqa: PLC0415
        from ..models.contribution import Contribution  # noqa: PLC0415
        from ..models.interest import Interest  # noqa: PLC0415
        from ..models.model_ref import ModelRef  # noqa: PLC0415
        from ..models.policy import Policy  # noqa: PLC0415
        from ..models.population_shift import PopulationShift  # noqa: PLC0415
        from ..models.profile_ref import ProfileRef  # noqa: PLC0415
        from ..models.rejected import Rejected  # noqa: PLC0415
        from ..models.scores import Scores  # noqa: PLC0415
        from ..models.topics import Topics  # noqa: PLC0415
        from ..models.withheld import Withheld  # noqa: PLC0415

        d = dict(src_dict)
        accepted = d.pop("accepted")

        change = Change.from_dict(d.pop("change"))

        changes = []
        _changes = d.pop("changes")
        for changes_item_data in _changes:
            changes_item = Change.from_dict(changes_item_data)

            changes.append(changes_item)

        def _parse_contributions(data: object) -> list[Contribution] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                contributions_type_0 = []
                _contributions_type_0 = data
                for contributions_type_0_item_data in _contributions_type_0:
                    contributions_type_0_item = Contribution.from_dict(contributions_type_0_item_data)

                    contributions_type_0.append(contributions_type_0_item)

                return contributions_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Contribution] | None, data)

        contributions = _parse_contributions(d.pop("contributions"))

        domain = d.pop("domain")

        duplicates = d.pop("duplicates")

        def _parse_interest(data: object) -> Interest | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                interest_type_0 = Interest.from_dict(data)

                return interest_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Interest | None, data)

        interest = _parse_interest(d.pop("interest"))

        late = cast(list[str], d.pop("late"))

        model = ModelRef.from_dict(d.pop("model"))

        mutated = d.pop("mutated")

        policy = Policy.from_dict(d.pop("policy"))

        def _parse_profile(data: object) -> None | ProfileRef:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                profile_type_0 = ProfileRef.from_dict(data)

                return profile_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | ProfileRef, data)

        profile = _parse_profile(d.pop("profile"))

        rejected = []
        _rejected = d.pop("rejected")
        for rejected_item_data in _rejected:
            rejected_item = Rejected.from_dict(rejected_item_data)

            rejected.append(rejected_item)

        def _parse_scores(data: object) -> None | Scores:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                scores_type_0 = Scores.from_dict(data)

                return scores_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Scores, data)

        scores = _parse_scores(d.pop("scores"))

        sequence = d.pop("sequence")

        def _parse_snapshot_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                snapshot_id_type_0 = UUID(data)

                return snapshot_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        snapshot_id = _parse_snapshot_id(d.pop("snapshot_id"))

        status = check_detect_response_status(d.pop("status"))

        def _parse_topics(data: object) -> None | Topics:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                topics_type_0 = Topics.from_dict(data)

                return topics_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Topics, data)

        topics = _parse_topics(d.pop("topics"))

        truncated = cast(list[str], d.pop("truncated"))

        user_id = d.pop("user_id")

        def _parse_population(data: object) -> None | PopulationShift | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                population_type_0 = PopulationShift.from_dict(data)

                return population_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PopulationShift | Unset, data)

        population = _parse_population(d.pop("population", UNSET))

        def _parse_withheld(data: object) -> None | Unset | Withheld:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                withheld_type_0 = Withheld.from_dict(data)

                return withheld_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | Withheld, data)

        withheld = _parse_withheld(d.pop("withheld", UNSET))

        detect_response = cls(
            accepted=accepted,
            change=change,
            changes=changes,
            contributions=contributions,
            domain=domain,
            duplicates=duplicates,
            interest=interest,
            late=late,
            model=model,
            mutated=mutated,
            policy=policy,
            profile=profile,
            rejected=rejected,
            scores=scores,
            sequence=sequence,
            snapshot_id=snapshot_id,
            status=status,
            topics=topics,
            truncated=truncated,
            user_id=user_id,
            population=population,
            withheld=withheld,
        )

        detect_response.additional_properties = d
        return detect_response

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
