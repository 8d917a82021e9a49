"""The web process: provider callbacks, call-flow documents, the REST API, pages and health."""
