"""The rules of pay as pure functions: plans, the walk of credits, derived ids, entries; no I/O, no clock."""
