"""The errors of drawing; each message says what was required, what was given, and what to do."""


class LayoutError(RuntimeError):
    """No layout engine was found, or the one used did not deliver a drawing."""
