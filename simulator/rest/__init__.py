"""The HTTP surface: SignalWire's API, and the simulator's own pages beside it."""
