"""Call flows: what happens on a call after somebody, or something, picks up. Pure values."""
