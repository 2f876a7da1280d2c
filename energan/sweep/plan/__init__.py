"""What a sweep is to do: settings, trials, the plan."""
