"""What runwatch is to Prometheus: names of metrics, text formats, rules, targets, dashboards, queries.

May import snapshots, what draws them as text, and the catalog of rules. It knows no engine.
"""
