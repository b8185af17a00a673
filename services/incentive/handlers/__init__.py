"""incentive's use cases: load, decide, save and announce in one transaction."""
