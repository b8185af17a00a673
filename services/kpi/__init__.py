"""Keeps the KPIs of every rep, team, manager, territory and the company true to the last event."""
