"""The audit trail: who read or changed what, when and from where, on disk before it is answered, and told by syslog."""

from .errors import AuditError as AuditError
from .errors import AuditGap as AuditGap
from .errors import AuditUnavailable as AuditUnavailable
from .errors import CollectorLost as CollectorLost
from .forwarder import telling as telling
from .listing import AuditEntry as AuditEntry
from .listing import AuditWanted as AuditWanted
from .listing import entries as entries
from .model import AUDITOR as AUDITOR
from .model import Action as Action
from .model import Entry as Entry
from .model import Outcome as Outcome
from .model import Recorded as Recorded
from .model import outcome_of as outcome_of
from .trail import AuditTrail as AuditTrail
