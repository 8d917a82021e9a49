"""Telling others what happened: signed webhooks, and mail when something pauses by itself.

Events are stored by triggers, in the transaction of what they tell of (migration 0007). From there
the couriers take them: each try is claimed, sent outside of any transaction, and recorded. What is
lost on the way is sent again under the same `webhook-id`, so everything arrives at least once.
"""
