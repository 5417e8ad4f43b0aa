"""From nodes and labelled arrows to a finished drawing: layout, routing, placing labels, typesetting."""

__all__: list[str] = []
