"""Trained models for Energan, as run folders: `energan list --zoo` names them, `energan.load("zoo:NAME")` opens one.

This package is data alone: zoo.json says what there is, and a folder has what `energan pack` would pack of a run.
"""
