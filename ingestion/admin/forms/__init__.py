"""A form for each correction, by the name that it has in addresses and in `corrections`."""

from ingestion.admin.forms.base import CorrectionForm
from ingestion.admin.forms.entries import EntriesForm, EntryForm
from ingestion.admin.forms.results import (
    AcceptForm,
    DisqualifyForm,
    LeadersForm,
    RejectForm,
    ReleaseForm,
    RestoreForm,
    SettleForm,
)
from ingestion.admin.forms.schedule import (
    CloseForm,
    ReleaseScheduleForm,
    ReopenForm,
    StartForm,
    StatusForm,
    UnvoidForm,
    VoidForm,
)

__all__ = ["CORRECTIONS", "CorrectionForm", "EntriesForm"]

FORMS: tuple[type[CorrectionForm], ...] = (
    *(AcceptForm, RejectForm, EntriesForm, EntryForm, DisqualifyForm, LeadersForm, RestoreForm),
    *(SettleForm, ReleaseForm, StartForm, StatusForm, ReopenForm, CloseForm, VoidForm, UnvoidForm),
    ReleaseScheduleForm,
)
CORRECTIONS = {form.name: form for form in FORMS}
