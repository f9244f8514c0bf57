"""How a shown number came to be: every number carries one of these labels."""

from __future__ import annotations

from enum import StrEnum


class Label(StrEnum):
    """Origin of a number that is shown to a user."""

    MEASURED = "measured"
    """Read from this patient's images, laboratory or file."""
    CALIBRATED = "calibrated"
    """Fitted to published lesions."""
    EXTRAPOLATED = "extrapolated"
    """Fitted, but this case stands outside the data in one or two respects."""
    BY_CONSTRUCTION = "by construction"
    """An input, or tuned to a published summary."""
    CHECKED = "checked"
    """Compared with data that were not used to make it."""
    ASSUMPTION = "assumption"
    """No data stand behind it; it is an opinion stated as a distribution."""

    @property
    def explanation(self) -> str:
        """One sentence for the reader of a report."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Label.MEASURED: "Read from this patient's images, laboratory values or file.",
    Label.CALIBRATED: "Fitted to published lesions, arms and curves; see the calibration page.",
    Label.EXTRAPOLATED: "From the fitted model, but outside its data in one or two respects, which are named.",
    Label.BY_CONSTRUCTION: "An input, or tuned to reproduce a published summary.",
    Label.CHECKED: "Compared with published data that were not used to make it; see the validation book.",
    Label.ASSUMPTION: "No data stand behind it: an opinion, stated as a distribution so that it can be challenged.",
}
