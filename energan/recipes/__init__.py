"""Recipes: functions with typed defaults that return an Experiment."""
