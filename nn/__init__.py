"""Neural networks on the scalar engine: modules, losses, optimizers and training are still to come."""

__all__: list[str] = []
