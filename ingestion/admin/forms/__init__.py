"""A form for each correction, by the name that it has in addresses and in `corrections`."""

from ingestion.admin.forms.calendar_forms import (
    CloseForm,
    ReleaseScheduleForm,
    ReopenForm,
    StartForm,
    StatusForm,
    UnvoidForm,
    VoidForm,
)
from ingestion.admin.forms.classification_forms import (
    AcceptForm,
    DisqualifyForm,
    KeepForm,
    LeadersForm,
    ProposalForm,
    ReconsiderForm,
    RejectForm,
    ReleaseForm,
    RestoreForm,
    SettleForm,
    UndoForm,
)
from ingestion.admin.forms.correction_form import CorrectionForm
from ingestion.admin.forms.entrant_forms import (
    AddDriverForm,
    ReplaceDriverForm,
    WithdrawDriverForm,
)
from ingestion.admin.forms.entry_forms import EntriesForm, EntryForm, PodiumForm

__all__ = ["CORRECTIONS", "CorrectionForm", "EntriesForm", "ProposalForm"]

FORMS: tuple[type[CorrectionForm], ...] = (
    *(AcceptForm, RejectForm, ReconsiderForm, PodiumForm, UndoForm, KeepForm),
    *(EntriesForm, EntryForm, DisqualifyForm, LeadersForm, RestoreForm),
    *(ReplaceDriverForm, WithdrawDriverForm, AddDriverForm),
    *(SettleForm, ReleaseForm, StartForm, StatusForm, ReopenForm, CloseForm, VoidForm, UnvoidForm),
    ReleaseScheduleForm,
)
CORRECTIONS = {form.name: form for form in FORMS}
