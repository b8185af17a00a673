"""Merit beside the ceilings of its parts and beside its peers, in one run on one machine: ``make bench``."""
