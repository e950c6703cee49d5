"""How well a detector finds planted changes, against plain baselines, at a given share of false alarms."""
