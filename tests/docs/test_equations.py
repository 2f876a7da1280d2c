"""Equations of docstrings as HTML."""

import re

import pytest
from equations import formula, letters, table
from systems import parts, systems


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("L_G = - E f(G(z))", "<i>L</i><sub>G</sub> = − <i>E</i> <i>f</i>(<i>G</i>(<i>z</i>))"),
        ("[m - E]+", "[<i>m</i> − <i>E</i>]<sub>+</sub>"),
        ("||grad f(x^)||_2", "‖∇ <i>f</i>(<i>x̂</i>)‖<sub>2</sub>"),
        ("h^_{i+1} = y^_y", "<i>\u0125</i><sub><i>i</i>+1</sub> = <i>\u0177</i><sub>y</sub>"),
        ("x^2 <= eps_1, k <- 0", "<i>x</i><sup>2</sup> ≤ ε<sub>1</sub>, <i>k</i> ← 0"),
        ("y ~ p, y~ != y", "<i>y</i> ~ <i>p</i>, <i>\u1ef9</i> ≠ <i>y</i>"),
        ("sum_{i < j} a", "Σ<sub><i>i</i> &lt; <i>j</i></sub> <i>a</i>"),
        ("min_G max_D", "min<sub>G</sub> max<sub>D</sub>"),
        (
            "a sum of D's parts, losses/f_divergence.py",
            "a sum of <i>D</i>'s parts, <code>losses/f_divergence.py</code>",
        ),
        ("before step `clear_from`", "before step <code>clear_from</code>"),
        ("non-saturating, U(-1, 1)", "non-saturating, <i>U</i>(−1, 1)"),
        ("eps3^2", "ε<sub>3</sub><sup>2</sup>"),
        ("<b>", "&lt;<i>b</i>&gt;"),
    ],
)
def test_a_formula(text: str, html: str) -> None:
    assert formula(text) == html


def test_letters_of_a_sentence_are_formulas_and_code_stays() -> None:
    assert letters("In L_D, `n_x` and x_1") == "In <i>L</i><sub>D</sub>, `n_x` and <i>x</i><sub>1</sub>"
    assert letters("y^ is |c|^2, z ~ N") == "<i>\u0177</i> is |c|<sup>2</sup>, z ~ N"


def test_cells_stand_below_each_other() -> None:
    html = table(["    L_D = 1     eq. 1", "    L_G         eq. 2", "    d"])
    assert html.count("<tr>") == 3 and html.count("eq.") == 2 and "colspan" not in html.split("<tr>")[1]
    assert html.count("<col") - html.count("<colgroup") == 2  # at 4 and 16 characters


def test_a_docstring_in_parts() -> None:
    text = parts(
        'A.  "Title", X 2016, arXiv:1611.04076.\n\n    L = 1\n\nx (n, d).\n\nAlso known as B.\n'
        "Not to be confused with C (gan.py).\nNOTE: one,\ntwo.\nNOTE, of code: three.\n"
    )
    assert text.source == 'A.  "Title", X 2016, [arXiv:1611.04076](https://arxiv.org/abs/1611.04076).'
    assert "<i>L</i> = 1" in text.equations and text.equations.endswith("x (n, d).")
    assert text.names == ["Also known as B.", "Not to be confused with C ([gan](gan.md))."]
    assert text.notes == ["one, two.", "of code: three."]


@pytest.mark.parametrize("stem", systems())
def test_every_system_has_a_source_and_its_equations(stem: str) -> None:
    """Nothing of a docstring is lost on the way: as many equations as lines that are indented by four."""
    system = systems()[stem]
    text = parts(system.text)
    listed = re.sub(r"^  - .*(\n    .*)*", "", system.text, flags=re.M)
    rows = [line for line in listed.splitlines() if line.startswith("    ")]
    assert text.source and text.equations.count("<tr>") == len(rows) > 0
    assert "_{" not in text.equations and "NOTE" not in text.equations + "".join(text.names)
