"""The published figures on a cluster, after all that was done to its processes: the tests of the embedded Merit."""

from tests.reference.test_adventureworks import *  # noqa: F403
