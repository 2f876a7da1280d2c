"""Detectors of anomalies side by side: Energan's energies, and what scikit-learn and nearest neighbours do."""
