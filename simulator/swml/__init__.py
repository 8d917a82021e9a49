"""SWML: documents as data, and what executing them does to a call."""
