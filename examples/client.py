"""Sends examples/swerve.json through the generated client and shows what came of it.

Items are recommended if examples/items.json was put into the catalogue before.
"""

import json
from pathlib import Path

from swerve_client import Client
from swerve_client.api.detect import detect
from swerve_client.api.recommendations import get_recommendations
from swerve_client.api.users import get_history
from swerve_client.models import Behavior, DetectRequest

example = json.loads(Path("examples/swerve.json").read_text())
with Client(base_url="http://127.0.0.1:8000") as client:
    behaviors = [Behavior.from_dict(behavior) for behavior in example["behaviors"]]
    answer = detect.sync(client=client, body=DetectRequest(user_id="u-43", behaviors=behaviors))
    print(answer.mutated, answer.change.first_event_id, answer.change.changed_at)
    print("gained:", "; ".join(topic.label for topic in answer.topics.gained))
    print("lost:", "; ".join(topic.label for topic in answer.topics.lost))

    page = get_history.sync("u-43", client=client, mutated_only=True)
    print([(snapshot.sequence, snapshot.change.kind) for snapshot in page.items])

    found = get_recommendations.sync("u-43", client=client, k=5)
    print("recommended:", ", ".join(item.item_id for item in found.items))
