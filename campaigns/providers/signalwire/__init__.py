"""SignalWire, spoken to over its REST Calling API."""

from campaigns.providers.signalwire.adapter import SignalWire

__all__ = ["SignalWire"]
