"""What kpi refuses."""

from __future__ import annotations


class KpiRefusal(Exception):
    """The root of every refusal: KpiNotFound, SubjectNotFound, DraftNotFound, DraftChanged, VersionNotFound,
    VersionSettled, InUse, NotYet, BadQuestion, Malformed."""


class KpiNotFound(KpiRefusal):
    """No definition of that key is published."""


class SubjectNotFound(KpiRefusal):
    """No such subject, or none that the caller may see: which of the two is not told."""


class DraftNotFound(KpiRefusal):
    """No draft of that key is saved."""


class DraftChanged(KpiRefusal):
    """The draft is another one by now than the caller has read."""


class VersionNotFound(KpiRefusal):
    """A KPI has no version of that number."""


class VersionSettled(KpiRefusal):
    """A version that does not wait cannot be withdrawn."""


class InUse(KpiRefusal):
    """A version that waits cannot be withdrawn while another one that waits needs it."""


class NotYet(KpiRefusal):
    """What was sent at the asked-for position is not counted yet."""


class BadQuestion(KpiRefusal):
    """A combination of parameters that means nothing."""


class Malformed(KpiRefusal):
    """A record that no door of ours would have let in."""
