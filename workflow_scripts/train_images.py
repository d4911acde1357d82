"""Train one image run of the table: metrics by evaluation, a summary, nats by image, weights."""

from argparse import Namespace

from moe_core.errors import StudyError
from moe_core.images.image_set import open_images
from moe_core.runs import ImageSpec, run_id
from moe_core.training.keeper import Keeper
from moe_core.training.ranks import Ranks
from moe_core.training.run import TrainedRun, complete
from moe_core.vision.config import ImageShape
from moe_core.vision.model import ImageModel, build_image_model
from moe_core.vision.training import Examined, ImageTrainer, largest_cut, measure_images
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.training_job import Job, run_job


def prepare(spec: ImageSpec, given: Namespace) -> Job:
    """A classifier on the images of a folder."""
    images, shape = open_images(given.images), spec.shape
    found = ImageShape(*images.splits["train"].image_NCHW.shape[1:3], len(images.classes))
    if found != shape:
        raise StudyError(
            str(given.images), f"holds {found}, and the row is of {shape}", "run again"
        )
    valid, test = (
        Examined(images.splits[name].image_NCHW, images.splits[name].label_N)
        for name in ("valid", "test")
    )

    def build() -> ImageModel:
        return build_image_model(spec.model, shape, spec.seed)

    def train(keeper: Keeper, ranks: Ranks) -> TrainedRun:
        trainer = ImageTrainer(
            build(), images, spec.training, spec.seed, spec.device, keeper.parts, ranks
        )
        return complete(run_id(spec), trainer, valid, test, keeper, measure_images)

    return Job(
        run_id(spec),
        spec,
        images.sha256,
        shape.classes,
        build,
        largest_cut(spec.model, spec.training.batch_size),
        train,
    )


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "images")
    run_job("workflow_scripts.train_images", arguments, ImageSpec.model_validate_json, prepare)


if __name__ == "__main__":
    run(main)
