"""Events as client-go lets a component write them: similar ones become one, and of too many some are lost."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobset.kube.client import Object
from jobset.local.kubelet.ports import Recorder
from jobset.local.recorder import COMBINED

DIFFERENT_NOTES = 10
"""With so many notes of one type and reason about one object, the next are told as one event."""
NOTES_FORGOTTEN_AFTER = timedelta(minutes=10)
BURST = 25
"""Events about one object that are told at once; then one for each pause."""
PAUSE = timedelta(minutes=5)
_REMEMBERED = 4096


@dataclass(slots=True)
class _Notes:
    """The last different notes of one type and reason."""

    last_at: datetime
    texts: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Account:
    """What one object has had of events."""

    filled_at: datetime
    allowance: float = BURST
    notes: dict[tuple[str, str], _Notes] = field(default_factory=dict)

    def is_one_of_many(self, kind: tuple[str, str], note: str, now: datetime) -> bool:
        """Take in a note; whether it is to be told together with others of its type and reason."""
        known = self.notes.get(kind)
        if known is None or now - known.last_at > NOTES_FORGOTTEN_AFTER:
            known = self.notes[kind] = _Notes(now)
        known.last_at = now
        known.texts[note] = None
        if len(known.texts) < DIFFERENT_NOTES:
            return False
        del known.texts[next(iter(known.texts))]
        return True

    def spend(self, now: datetime) -> bool:
        """Take one event from the allowance; whether there was one left."""
        self.allowance = min(self.allowance + (now - self.filled_at) / PAUSE, BURST)
        self.filled_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True


@dataclass(slots=True, kw_only=True)
class SparingRecorder:
    """Passes on what client-go would send."""

    inner: Recorder
    clock: Callable[[], datetime]
    _accounts: OrderedDict[str, _Account] = field(default_factory=OrderedDict)
    """By uid of the object."""

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        """Record an event, on its own, together with similar ones, or not at all."""
        now = self.clock()
        account = self._account(regarding["metadata"]["uid"], now)
        is_one_of_many = account.is_one_of_many((type, reason), note, now)
        if account.spend(now):
            told = COMBINED + note if is_one_of_many else note
            self.inner.event(regarding, type, reason, told, field_path=field_path)

    def _account(self, uid: str, now: datetime) -> _Account:
        account = self._accounts.setdefault(uid, _Account(now))
        self._accounts.move_to_end(uid)
        if len(self._accounts) > _REMEMBERED:
            self._accounts.popitem(last=False)
        return account
