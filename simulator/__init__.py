"""A telephone carrier on loopback: it speaks the providers' wire formats and keeps its books."""
