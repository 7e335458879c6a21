"""Formula 1 sessions and classifications for F1 Picks: fetched, checked, saved."""
