"""Classification: the class of an image. `Game.logits` reads it."""

from energan.capabilities.capability import Capability
from energan.capabilities.classification import measure, predictions, preview, section

CAPABILITY = Capability(
    readout="logits",
    serves=("classify", "predict", "probe"),
    verb="tell the class of an image",
    validate=preview.validate,
    prepare=preview.labelled_test_images,
    preview=preview.preview,
    best=False,  # the least test error would be chosen by the test images; a generator's best is not the classifier's
    measure=measure.measure,
    summary=measure.summary,
    metrics=preview.METRICS,
    own=(preview.ERROR,),
    sections=section.sections,
    finish=predictions.write_predictions,
)
