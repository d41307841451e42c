"""The subscriber's side: subscriptions, the catalogue of a channel, roots, late-bound runs and images."""
