"""What kpi refuses."""

from __future__ import annotations


class KpiRefusal(Exception):
    """The root of every refusal: KpiNotFound, SubjectNotFound, NotYet, Malformed."""


class KpiNotFound(KpiRefusal):
    """No definition of that key is published."""


class SubjectNotFound(KpiRefusal):
    """No such subject, or none that the caller may see: which of the two is not told."""


class NotYet(KpiRefusal):
    """What was sent at the asked-for position is not counted yet."""


class BadQuestion(KpiRefusal):
    """A combination of parameters that means nothing."""


class Malformed(KpiRefusal):
    """A record that no door of ours would have let in."""
