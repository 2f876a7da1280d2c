"""suspected-labels.csv: labels that are probably wrong.

Every labelled image is classified by a logistic regression that has not seen its label: cross-validation in five parts,
on features of a frozen network where the run has one, else on pixels. The classifier itself has learned the labels, the
wrong ones too, so it is not asked. Of these probabilities, cleanlab applies confident learning (Northcutt, Jiang &
Chuang 2021, arXiv:1911.00068): a label is suspected where another class is as likely as its own images usually are.

Few labels of a class say little of it, so classes with fewer than five are left out.
"""

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray as Array

from energan.capabilities.capability import Measurement
from energan.capabilities.classification.reading import description
from energan.data.image_set import NONE, rows_of
from energan.utils.tables import write_table

NAME = "suspected-labels.csv"
PARTS = 5  # of the cross-validation, and labels that a class needs
PENALTY = 10.0  # inverse of the regression's, times the number of features
MOST = 5000  # labels that are looked at: the regressions take minutes with more
COLUMNS = ("file", "label", "probability", "likelier", "its_probability")


def write_suspected(run: Measurement) -> tuple[list[dict[str, Any]], str]:
    """Writes the table, the most suspected first; returns its rows (each with its index, too), and a sentence.

    Where nothing can be said (cleanlab is not installed, too few labels or too many) there is no table, and the
    sentence says why.
    """
    try:
        import cleanlab  # noqa: F401
    except ImportError:
        return [], "wrong labels are looked for with the extra: pip install 'energan[labels]'"
    data = run.training
    assert data.labels is not None
    counts = data.labels[data.labels != NONE].bincount(minlength=len(data.classes))
    told = [i for i, count in enumerate(counts.tolist()) if count >= PARTS]
    if len(told) < 2:
        return [], f"wrong labels are not looked for: that takes {PARTS} labels of two classes or more"
    rows = torch.isin(data.labels, torch.tensor(told)).nonzero().squeeze(1)
    if len(rows) > MOST:
        return [], f"wrong labels are not looked for: there are {len(rows):,} labels, more than {MOST:,}"
    described, of = description(run.experiment, rows_of(data, rows))
    labels = torch.searchsorted(torch.tensor(told), data.labels[rows]).numpy()
    probabilities = out_of_sample(described.numpy(), labels)
    table = []
    for place in suspects(labels, probabilities).tolist():
        own, other = labels[place], int(probabilities[place].argmax())
        index = int(rows[place])
        table.append({
            "index": index, "file": data.files[index] if data.files else str(index),
            "label": data.classes[told[own]], "probability": float(probabilities[place, own]),
            "likelier": data.classes[told[other]], "its_probability": float(probabilities[place, other]),
        })  # fmt: skip
    write_table(run.folder / NAME, {name: [row[name] for row in table] for name in COLUMNS})
    few = len(data.classes) - len(told)
    left_out = f"; of {few} classes with fewer than {PARTS} labels nothing can be said" if few else ""
    return table, f"{len(table)} of {len(rows)} labels are suspected to be wrong (by {of}){left_out}"


def out_of_sample(x: Float[Array, "n d"], labels: Int64[Array, " n"]) -> Float[Array, "n k"]:
    """Probabilities of each row's class by a logistic regression of the other parts: every class has PARTS rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY / x.shape[1], max_iter=200))
    parts = StratifiedKFold(PARTS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a rough optimum tells as much
        return np.asarray(cross_val_predict(model, x, labels, cv=parts, method="predict_proba"))


def suspects(labels: Int64[Array, " n"], probabilities: Float[Array, "n k"]) -> Int64[Array, " s"]:
    """The places of the labels that confident learning suspects, the least likely label first."""
    from cleanlab.filter import find_label_issues

    found = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return np.asarray(found, np.int64)
