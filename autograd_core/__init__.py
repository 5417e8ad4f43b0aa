"""A scalar reverse-mode autodiff engine whose graph is data."""
