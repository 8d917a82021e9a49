"""What Outdial knows and does: campaigns, recipients, attempts, and the road between them."""
